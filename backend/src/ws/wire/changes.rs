//! The names that `changes` of a `stateUpdate` may hold, as a bit set that can be joined.

/// Fields of the stream, then settings.
const NAMES: [&str; 15] = [
    "isLive",
    "isPaused",
    "fps",
    "targetFPS",
    "frameCount",
    "droppedFrames",
    "averageRenderTime",
    "startTime",
    "error",
    "STREAM_RESOLUTION",
    "TARGET_FPS",
    "RENDER_QUALITY",
    "MAX_LAYERS",
    "STREAM_BITRATE",
    "ENABLE_HARDWARE_ACCELERATION",
];

/// The set of these names. One that is not known is left out: clients take `changes` as a hint, `stream` is whole.
pub(super) fn set(names: &[&str]) -> u64 {
    let bit = |name: &&str| NAMES.iter().position(|known| known == name);
    names
        .iter()
        .filter_map(bit)
        .fold(0, |set, bit| set | 1 << bit)
}

/// The names of a set.
pub(super) fn names(set: u64) -> Vec<&'static str> {
    let names = NAMES.into_iter().enumerate();
    names
        .filter_map(|(bit, name)| (set & 1 << bit != 0).then_some(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StreamState;

    #[test]
    fn sets_give_their_names_back() {
        let some = ["isLive", "error", "TARGET_FPS"];
        assert_eq!(names(set(&some)), some);
        assert_eq!(names(set(&["isLive"]) | set(&["fps"])), ["isLive", "fps"]);
    }

    #[test]
    fn every_field_of_the_stream_has_a_name() {
        let one = StreamState::new(30);
        let mut other = one.clone();
        other.is_live = true;
        other.is_paused = true;
        other.fps = 1.0;
        other.target_fps = 1;
        other.frame_count = 1;
        other.dropped_frames = 1;
        other.average_render_time = 1.0;
        other.start_time = Some(1);
        other.error = Some("x".to_owned());
        let changes = one.changes(&other);
        assert_eq!(names(set(&changes)), changes);
    }
}
