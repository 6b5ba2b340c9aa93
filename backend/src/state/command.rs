//! What can be asked of the stream.

use super::{SceneEdit, SettingsPatch};

/// One wish, already checked for form; [`super::reduce`] decides whether it is possible.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Go live.
    Start,
    /// End the stream.
    Stop,
    /// Stop or go on producing frames.
    Pause {
        /// `None` turns it around: existing clients send the same for pause and resume.
        paused: Option<bool>,
    },
    /// Go on producing frames.
    Resume,
    /// Back to a stream that was never started. Scene and settings stay.
    Reset,
    /// Change the picture.
    Scene(SceneEdit),
    /// Change settings.
    PatchConfig(SettingsPatch),
    /// New counters of the frame source. Ignored unless the stream is live and not paused.
    Telemetry(Counters),
    /// The last failure of the stream, or that there is none any more.
    SetError(Option<String>),
}

/// What the frame source counts. Absolute values, not differences.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// Frames a second, measured.
    pub fps: f64,
    /// Frames produced since the start.
    pub frame_count: u64,
    /// Frames that were due and did not come.
    pub dropped_frames: u64,
    /// Milliseconds a frame takes to render.
    pub average_render_time: f64,
}

impl Command {
    /// Whether it only carries counters, which may be stored late.
    pub fn is_telemetry(&self) -> bool {
        matches!(self, Self::Telemetry(_))
    }
}
