//! Tests of the model and of the rules.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Command, Counters, ErrorCode, Kind, RuntimeConfig, SceneState, SettingsPatch, Snapshot,
    StreamState, layers, reduce,
};
use crate::config::Config;

fn fresh() -> Snapshot {
    let (config, _) = Config::from_vars(std::iter::empty()).unwrap();
    Snapshot::new("e", RuntimeConfig::from(&config.stream))
}

fn after(state: &Snapshot, command: &Command) -> Snapshot {
    reduce(state, command, 1000).unwrap().unwrap().next
}

fn refused(state: &Snapshot, command: &Command) -> String {
    let error = reduce(state, command, 1000).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidOperation);
    assert_eq!(error.details.unwrap()["state"]["targetFPS"], 30);
    error.message
}

fn patch(value: &Value) -> Command {
    Command::PatchConfig(SettingsPatch::from_json(value).unwrap())
}

fn counters(frame_count: u64) -> Command {
    Command::Telemetry(Counters {
        fps: 29.5,
        frame_count,
        dropped_frames: 2,
        average_render_time: 12.5,
    })
}

#[test]
fn the_default_is_written_as_documented() {
    let text = serde_json::to_string(&StreamState::new(30)).unwrap();
    assert_eq!(
        text,
        r#"{"isLive":false,"isPaused":false,"fps":0,"targetFPS":30,"frameCount":0,"droppedFrames":0,"averageRenderTime":0,"startTime":null,"error":null}"#
    );
}

#[test]
fn start_and_stop() {
    let state = fresh();
    assert_eq!(refused(&state, &Command::Stop), "Stream is not running");
    let started = reduce(&state, &Command::Start, 1000).unwrap().unwrap();
    assert_eq!((started.kind, started.next.version), (Kind::Stream, 2));
    assert_eq!(started.changes, ["isLive", "startTime"]);
    assert_eq!(started.next.stream.start_time, Some(1000));
    assert_eq!(
        refused(&started.next, &Command::Start),
        "Stream is already running"
    );

    let counted = after(&started.next, &counters(5));
    let stopped = after(&counted, &Command::Stop);
    assert_eq!(*stopped.stream, StreamState::new(30));
    assert_eq!(stopped.version, 3);
}

#[test]
fn pause_turns_around_or_sets() {
    let toggle = Command::Pause { paused: None };
    assert_eq!(refused(&fresh(), &toggle), "Stream is not running");
    assert_eq!(refused(&fresh(), &Command::Resume), "Stream is not running");
    let live = after(&fresh(), &Command::Start);
    let paused = after(&live, &toggle);
    assert!(paused.stream.is_paused && paused.stream.is_live);
    assert!(!after(&paused, &toggle).stream.is_paused);
    assert!(!after(&paused, &Command::Resume).stream.is_paused);
    for nothing in [
        Command::Resume,
        Command::Pause {
            paused: Some(false),
        },
    ] {
        assert_eq!(reduce(&live, &nothing, 1).unwrap(), None);
    }
    assert!(
        !after(&after(&paused, &Command::Stop), &Command::Start)
            .stream
            .is_paused
    );
}

#[test]
fn reset_keeps_settings_scene_and_what_is_not_ours() {
    let mut state = after(
        &after(&fresh(), &Command::Start),
        &patch(&json!({"TARGET_FPS": 24})),
    );
    Arc::make_mut(&mut state.stream)
        .extra
        .insert("audio".into(), 1.into());
    Arc::make_mut(&mut state.stream).error = Some("x".into());
    let reset = reduce(&state, &Command::Reset, 1).unwrap().unwrap();
    assert_eq!(reset.kind, Kind::Reset);
    assert_eq!(reset.next.stream.target_fps, 24);
    assert_eq!(reset.next.stream.error, None);
    assert_eq!(reset.next.stream.extra.get("audio"), Some(&1.into()));
    assert_eq!(reset.next.settings, state.settings);
    assert_eq!(reduce(&fresh(), &Command::Reset, 1).unwrap(), None);
}

#[test]
fn counters_leave_the_version_alone_and_need_a_running_stream() {
    assert_eq!(reduce(&fresh(), &counters(1), 1).unwrap(), None);
    let live = after(&fresh(), &Command::Start);
    let reduced = reduce(&live, &counters(7), 1).unwrap().unwrap();
    assert_eq!(
        (reduced.kind, reduced.next.version),
        (Kind::Telemetry, live.version)
    );
    assert_eq!(
        reduced.changes,
        ["fps", "frameCount", "droppedFrames", "averageRenderTime"]
    );
    assert_eq!(reduce(&reduced.next, &counters(7), 1).unwrap(), None);
    let paused = after(&live, &Command::Pause { paused: None });
    assert_eq!(reduce(&paused, &counters(8), 1).unwrap(), None);
}

#[test]
fn settings_change_all_or_nothing() {
    let state = fresh();
    let changed = reduce(
        &state,
        &patch(&json!({"TARGET_FPS": 60.0, "STREAM_BITRATE": 2_500_000})),
        1,
    );
    let changed = changed.unwrap().unwrap();
    assert_eq!(changed.kind, Kind::Settings);
    assert_eq!(
        changed.changes,
        ["TARGET_FPS", "STREAM_BITRATE", "targetFPS"]
    );
    assert_eq!(changed.next.stream.target_fps, 60);
    let shown = serde_json::to_value(&*changed.next.settings).unwrap();
    let expected = json!({"STREAM_RESOLUTION": "1280x720", "TARGET_FPS": 60, "RENDER_QUALITY": "high",
        "MAX_LAYERS": 50, "STREAM_BITRATE": "2500000", "ENABLE_HARDWARE_ACCELERATION": false});
    assert_eq!(shown, expected);
    assert_eq!(
        reduce(&state, &patch(&json!({"TARGET_FPS": 30})), 1).unwrap(),
        None
    );
    assert_eq!(reduce(&state, &patch(&json!({})), 1).unwrap(), None);

    let wrong = json!({"TARGET_FPS": 61, "MAX_LAYERS": "5", "RENDER_QUALITY": "best", "STREAM_RESOLUTION": "1x1",
        "STREAM_BITRATE": true, "ENABLE_HARDWARE_ACCELERATION": true, "PORT": 1});
    let error = SettingsPatch::from_json(&wrong).unwrap_err();
    assert_eq!(error.code, ErrorCode::ValidationError);
    let mut fields: Vec<_> = error
        .fields
        .iter()
        .map(|field| field.field.as_str())
        .collect();
    fields.sort_unstable();
    let mut expected: Vec<_> = wrong
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    expected.sort_unstable();
    assert_eq!(fields, expected);
    assert!(
        error
            .message
            .contains("TARGET_FPS must be a whole number from 1 to 60"),
        "{error}"
    );
    for body in [json!([]), json!(1), Value::Null] {
        assert!(SettingsPatch::from_json(&body).is_err(), "{body}");
    }
}

#[test]
fn stored_streams_are_read_leniently_where_allowed() {
    let state = StreamState::from_stored(
        r#"{"isLive":true,"isPaused":false,"fps":29.97,"targetFPS":29.6,"frameCount":-3,"droppedFrames":1e300,"averageRenderTime":"x","mine":{"a":[1]}}"#,
    )
    .unwrap();
    assert_eq!((state.target_fps, state.frame_count), (30, 0));
    assert_eq!(state.dropped_frames, 9_007_199_254_740_991);
    let text = serde_json::to_string(&state).unwrap();
    assert!(
        text.ends_with(r#""startTime":null,"error":null,"mine":{"a":[1]}}"#),
        "{text}"
    );
    for bad in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"isLive":1,"isPaused":false,"fps":1,"targetFPS":1,"frameCount":1,"droppedFrames":1}"#,
        r#"{"isLive":true,"isPaused":false,"fps":"1","targetFPS":1,"frameCount":1,"droppedFrames":1}"#,
        r#"{"isLive":true,"isPaused":false,"fps":1e999,"targetFPS":1,"frameCount":1,"droppedFrames":1}"#,
    ] {
        assert!(StreamState::from_stored(bad).is_err(), "{bad}");
    }
}

#[test]
fn quadrants_are_pairs_on_the_wire_and_read_in_every_old_form() {
    let quadrant = json!({"id":1,"name":"Top Left","bounds":{"left":0,"top":0,"right":640,"bottom":360},"padding":20,"assets":[]});
    let pairs = json!({"background":[],"quadrants":[[1,quadrant]],"overlay":[]});
    let scene = SceneState::from_stored(&pairs.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&scene).unwrap(), pairs);
    let object = json!({"background":[],"quadrants":{"1":quadrant},"overlay":[]});
    assert_eq!(SceneState::from_stored(&object.to_string()).unwrap(), scene);
    let lost = json!({"background":[],"quadrants":{},"overlay":[]});
    assert_eq!(
        SceneState::from_stored(&lost.to_string()).unwrap(),
        SceneState::default()
    );
    for bad in [
        json!({"background":[],"overlay":[]}),
        json!({"quadrants":[],"overlay":[]}),
        json!({"background":{},"quadrants":[],"overlay":[]}),
        json!({"background":[],"quadrants":[[5,quadrant]],"overlay":[]}),
        json!({"background":[],"quadrants":[[1,quadrant],[1,quadrant]],"overlay":[]}),
        json!({"background":[],"quadrants":[quadrant],"overlay":[]}),
    ] {
        assert!(SceneState::from_stored(&bad.to_string()).is_err(), "{bad}");
    }
}

#[test]
fn assets_keep_what_we_do_not_know() {
    let text = json!({"background":[],"quadrants":[],"theirs":true,"overlay":[
        {"id":"a","type":"hologram","source":"s","position":{"x":1.5,"y":2},"transform":{"scale":1,"rotation":0,"opacity":0.5,"anchor":{"x":0,"y":0}},"visible":false,"zIndex":-2,"metadata":{"name":"A"},"extra":[1]}]});
    let scene = SceneState::from_stored(&text.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&scene).unwrap(), text);
    assert_eq!(layers(&scene)[0].name, "A");
}

#[test]
fn layers_are_the_assets_lowest_first() {
    let asset = |id: &str, z: i64| json!({"id":id,"type":"image","zIndex":z});
    let text = json!({"background":[asset("b", 3)],"overlay":[asset("o", 1), {"id":"c","type":"overlay","zIndex":3,"metadata":{"role":"chat","data":{"k":1}}}],
        "quadrants":[[4,{"id":4,"assets":[asset("q", 2)]}]]});
    let scene = SceneState::from_stored(&text.to_string()).unwrap();
    let view = layers(&scene);
    let shown: Vec<_> = view
        .iter()
        .map(|l| (l.id.as_str(), l.slot.as_str(), l.kind.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("o", "overlay", "image"),
            ("q", "quadrant:4", "image"),
            ("b", "background", "image"),
            ("c", "overlay", "chat")
        ]
    );
    assert_eq!(view[3].content.data, Some(json!({"k":1})));
    for layer in view {
        let original = scene.assets().find(|asset| asset.id == layer.id).unwrap();
        assert_eq!(layer.into_asset(), *original, "and back");
    }
}

/// A small generator of pseudo-random numbers (SplitMix64), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn float(&mut self) -> f64 {
        match self.next() % 6 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            _ => f64::from_bits(self.next()),
        }
    }

    fn command(&mut self) -> Command {
        match self.next() % 8 {
            0 => Command::Start,
            1 => Command::Stop,
            2 => Command::Pause {
                paused: [None, Some(true), Some(false)][self.next() as usize % 3],
            },
            3 => Command::Resume,
            4 => Command::Reset,
            5 => patch(
                &json!({"TARGET_FPS": self.next() % 60 + 1, "MAX_LAYERS": self.next() % 100 + 1}),
            ),
            6 => Command::SetError(
                self.next()
                    .is_multiple_of(2)
                    .then(|| "no frames".to_owned()),
            ),
            _ => Command::Telemetry(Counters {
                fps: self.float(),
                frame_count: self.next(),
                dropped_frames: self.next(),
                average_render_time: self.float(),
            }),
        }
    }
}

#[test]
fn any_commands_keep_the_promises() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let mut state = fresh();
        Arc::make_mut(&mut state.stream)
            .extra
            .insert("theirs".into(), json!({"kept": [seed]}));
        for step in 0..200 {
            let command = random.command();
            let Ok(Some(reduced)) = reduce(&state, &command, step) else {
                continue;
            };
            let why = format!("seed {seed}, step {step}, {command:?}");
            let grown = u64::from(reduced.kind != Kind::Telemetry);
            assert_eq!(reduced.next.version, state.version + grown, "{why}");
            assert!(!reduced.changes.is_empty(), "{why}");
            assert!(reduced.next != state, "{why}");
            let stream = &reduced.next.stream;
            assert!(stream.is_live || !stream.is_paused, "{why}");
            assert_eq!(stream.is_live, stream.start_time.is_some(), "{why}");
            let wire = serde_json::to_value(&**stream).unwrap();
            for name in [
                "fps",
                "targetFPS",
                "frameCount",
                "droppedFrames",
                "averageRenderTime",
            ] {
                assert!(wire[name].is_number(), "{name}: {wire}, {why}");
            }
            assert_eq!(wire.as_object().unwrap().len(), 10, "{why}");
            assert_eq!(wire["theirs"], json!({"kept": [seed]}), "{why}");
            let back = StreamState::from_stored(&wire.to_string()).unwrap();
            assert_eq!(
                (back.is_live, &back.error, &back.extra),
                (stream.is_live, &stream.error, &stream.extra),
                "{why}"
            );
            state = reduced.next;
        }
    }
}
