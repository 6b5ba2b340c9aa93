//! The rules: a snapshot and a command make the next snapshot, or an error, or nothing.

use std::sync::Arc;

use super::{
    Command, CommandError, Counters, LayerEvent, SceneEdit, SettingsPatch, Snapshot, StreamState,
    number, scene_edit,
};

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Control of the stream.
    Stream,
    /// Settings, and `targetFPS` with them.
    Settings,
    /// Counters only; the version stays.
    Telemetry,
    /// The picture.
    Scene,
    /// The stream's state was set back to the defaults.
    Reset,
}

/// What a command leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// The state afterwards, with its version.
    pub next: Snapshot,
    /// What it was about.
    pub kind: Kind,
    /// The names of the fields that changed, as on the wire. Empty for scene changes.
    pub changes: Vec<&'static str>,
    /// What viewers of the layers are told, in order. Empty where the picture changed as a whole.
    pub layers: Vec<LayerEvent>,
}

/// Applies a command; `now_ms` is the time in Unix milliseconds. `Ok(None)`: everything is as the command wants it.
///
/// # Errors
/// The command is not possible in this state.
pub fn reduce(
    state: &Snapshot,
    command: &Command,
    now_ms: u64,
) -> Result<Option<Reduced>, CommandError> {
    let stream = &state.stream;
    let next = match command {
        Command::Start => start(stream, now_ms)?,
        Command::Stop => stop(stream)?,
        Command::Pause { paused } => pause(stream, paused.unwrap_or(!stream.is_paused))?,
        Command::Resume => pause(stream, false)?,
        Command::Reset => StreamState {
            // What belongs to other services is not ours to reset.
            extra: stream.extra.clone(),
            ..StreamState::new(state.settings.target_fps.into())
        },
        Command::Scene(edit) => return scene(state, edit),
        Command::PatchConfig(patch) => return Ok(settings(state, patch)),
        Command::Telemetry(counters) => return Ok(telemetry(state, counters)),
        Command::SetError(error) => StreamState {
            error: error.clone(),
            ..StreamState::clone(stream)
        },
    };
    let changes = stream.changes(&next);
    if changes.is_empty() {
        return Ok(None);
    }
    let kind = match command {
        Command::Reset => Kind::Reset,
        _ => Kind::Stream,
    };
    Ok(Some(Reduced {
        next: Snapshot {
            version: state.version + 1,
            stream: Arc::new(next),
            ..state.clone()
        },
        kind,
        changes,
        layers: Vec::new(),
    }))
}

fn start(stream: &StreamState, now_ms: u64) -> Result<StreamState, CommandError> {
    if stream.is_live {
        let message = "Stream is already running";
        return Err(CommandError::invalid_operation(message, stream));
    }
    Ok(StreamState {
        is_live: true,
        is_paused: false,
        start_time: Some(now_ms),
        error: None,
        ..stream.clone()
    })
}

fn running(stream: &StreamState) -> Result<(), CommandError> {
    if stream.is_live {
        Ok(())
    } else {
        let message = "Stream is not running";
        Err(CommandError::invalid_operation(message, stream))
    }
}

fn stop(stream: &StreamState) -> Result<StreamState, CommandError> {
    running(stream)?;
    Ok(StreamState {
        is_live: false,
        is_paused: false,
        fps: 0.0,
        frame_count: 0,
        dropped_frames: 0,
        average_render_time: 0.0,
        start_time: None,
        ..stream.clone()
    })
}

fn pause(stream: &StreamState, is_paused: bool) -> Result<StreamState, CommandError> {
    running(stream)?;
    Ok(StreamState {
        is_paused,
        ..stream.clone()
    })
}

fn scene(state: &Snapshot, wish: &SceneEdit) -> Result<Option<Reduced>, CommandError> {
    let edited = scene_edit::edit(state, wish)?;
    Ok(edited.map(|edited| Reduced {
        next: edited.next,
        kind: Kind::Scene,
        changes: Vec::new(),
        layers: edited.events,
    }))
}

fn settings(state: &Snapshot, patch: &SettingsPatch) -> Option<Reduced> {
    let settings = patch.applied_to(&state.settings);
    let target_fps = patch.target_fps.map_or(state.stream.target_fps, u64::from);
    let mut changes = state.settings.changes(&settings);
    let mut stream = Arc::clone(&state.stream);
    if target_fps != stream.target_fps {
        changes.push("targetFPS");
        Arc::make_mut(&mut stream).target_fps = target_fps;
    }
    if changes.is_empty() {
        return None;
    }
    Some(Reduced {
        next: Snapshot {
            version: state.version + 1,
            stream,
            settings: Arc::new(settings),
            ..state.clone()
        },
        kind: Kind::Settings,
        changes,
        layers: Vec::new(),
    })
}

fn telemetry(state: &Snapshot, counters: &Counters) -> Option<Reduced> {
    let stream = &state.stream;
    if !stream.is_live || stream.is_paused {
        return None;
    }
    let next = StreamState {
        fps: number::finite(counters.fps),
        frame_count: counters.frame_count,
        dropped_frames: counters.dropped_frames,
        average_render_time: number::finite(counters.average_render_time),
        ..StreamState::clone(stream)
    };
    let changes = stream.changes(&next);
    (!changes.is_empty()).then(|| Reduced {
        next: Snapshot {
            stream: Arc::new(next),
            ..state.clone()
        },
        kind: Kind::Telemetry,
        changes,
        layers: Vec::new(),
    })
}
