//! What holds for any sequence of commands, in any interleaving of instances, and for any value of older services.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;

fn fresh() -> Snapshot {
    let (config, _) =
        Config::from_vars([("MAX_LAYERS".to_owned(), "4".to_owned())].into_iter()).unwrap();
    let mut snapshot = Snapshot::new("e", RuntimeConfig::from(&config.stream));
    let stream = StreamState::from_stored(
        r#"{"isLive":false,"isPaused":false,"fps":0,"targetFPS":30,"frameCount":0,"droppedFrames":0,"theirs":[1]}"#,
    );
    snapshot.stream = std::sync::Arc::new(stream.unwrap());
    let scene = json!({"background": [{"id": "sky", "type": "image", "theirs": 1}], "quadrants": [], "overlay": [], "more": {"a": 1}});
    snapshot.scene = std::sync::Arc::new(SceneState::from_stored(&scene.to_string()).unwrap());
    snapshot
}

fn id() -> impl Strategy<Value = String> {
    select(vec!["sky", "a", "b", "c", "d", "e"]).prop_map(str::to_owned)
}

fn patch() -> impl Strategy<Value = LayerPatch> {
    let slot = select(vec!["background", "overlay", "quadrant:0", "quadrant:3"]);
    let parts = (
        proptest::option::of(any::<bool>()),
        proptest::option::of(0.0..=1.0),
        proptest::option::of(-3..3_i64),
        proptest::option::of(slot),
        proptest::option::of(select(vec!["text", "chat", "image"])),
        proptest::option::of(-9.0..9.0),
    );
    parts.prop_map(|(visible, opacity, z_index, slot, kind, x)| LayerPatch {
        visible,
        opacity,
        z_index,
        slot: slot.map(str::to_owned),
        kind: kind.map(str::to_owned),
        transform: TransformPatch {
            x,
            ..TransformPatch::default()
        },
        ..LayerPatch::default()
    })
}

fn edit() -> impl Strategy<Value = SceneEdit> {
    let change = (id(), patch(), proptest::option::of(0..60_u64));
    prop_oneof![
        (id(), patch()).prop_map(|(id, patch)| SceneEdit::Create(Box::new(patch.into_layer(id)))),
        (id(), patch()).prop_map(|(id, patch)| SceneEdit::Replace(Box::new(patch.into_layer(id)))),
        change.prop_map(|(id, patch, expected)| SceneEdit::Change {
            id,
            patch: Box::new(patch),
            expected,
        }),
        id().prop_map(SceneEdit::Remove),
        vec(id(), 0..5).prop_map(SceneEdit::Order),
        (id(), any::<Option<bool>>())
            .prop_map(|(word, visible)| SceneEdit::Toggle { word, visible }),
        vec(id(), 0..3).prop_map(|ids| {
            let assets: Vec<Value> = ids
                .iter()
                .map(|id| json!({"id": id, "type": "text"}))
                .collect();
            let body = json!({"overlay": assets});
            SceneEdit::Patch(ScenePatch::from_json(body.as_object().unwrap(), false).unwrap())
        }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let counters = (0.0..60.0, 0..1000_u64).prop_map(|(fps, frame_count)| {
        Command::Telemetry(Counters {
            fps,
            frame_count,
            ..Counters::default()
        })
    });
    let settings = (1..60_u32).prop_map(|fps| {
        Command::PatchConfig(SettingsPatch {
            target_fps: Some(fps),
            ..SettingsPatch::default()
        })
    });
    prop_oneof![
        2 => Just(Command::Start),
        1 => Just(Command::Stop),
        1 => any::<Option<bool>>().prop_map(|paused| Command::Pause { paused }),
        1 => Just(Command::Resume),
        1 => Just(Command::Reset),
        1 => settings,
        2 => counters,
        1 => proptest::option::of("[a-z]{1,5}").prop_map(Command::SetError),
        8 => edit().prop_map(Command::Scene),
    ]
}

/// What must hold from one state to the next.
fn check(before: &Snapshot, reduced: &Reduced) {
    let next = &reduced.next;
    let grown = next.version - before.version;
    match reduced.kind {
        Kind::Telemetry => assert_eq!(grown, 0),
        Kind::Scene => assert_eq!(grown, reduced.layers.len().max(1) as u64),
        _ => assert_eq!(grown, 1),
    }
    let (mut version, mut last) = (before.version, before.marks.last);
    for event in &reduced.layers {
        assert_eq!(
            (event.version, event.previous),
            (version + 1, last),
            "{event:?}"
        );
        (version, last) = (event.version, event.version);
    }
    assert!(next.marks.last <= next.version && next.marks.last >= before.marks.last);
    assert_eq!(next.epoch, before.epoch);
    let ids: Vec<&String> = next.scene.assets().map(|asset| &asset.id).collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
    assert!(ids.len() <= 4 || next.scene == before.scene);
    // What other services wrote is nobody's to lose.
    assert_eq!(next.stream.extra, before.stream.extra);
    assert_eq!(next.scene.extra, before.scene.extra);
    for asset in next.scene.assets().filter(|asset| asset.id == "sky") {
        let kept = before.scene.assets().find(|known| known.id == "sky");
        let told = reduced
            .layers
            .iter()
            .any(|event| matches!(event.change, LayerChange::Created(_)));
        if let Some(kept) = kept.filter(|_| !told && !reduced.layers.is_empty()) {
            assert_eq!(asset.extra, kept.extra);
        }
    }
    assert!(next.stream.is_live || !next.stream.is_paused);
    let text = serde_json::to_string(&*next.scene).unwrap();
    assert_eq!(SceneState::from_stored(&text).unwrap(), *next.scene);
    let text = serde_json::to_string(&*next.stream).unwrap();
    assert_eq!(StreamState::from_stored(&text).unwrap(), *next.stream);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn versions_grow_and_nothing_is_lost(commands in vec(command(), 1..60)) {
        let mut state = fresh();
        for (at, command) in commands.iter().enumerate() {
            match reduce(&state, command, at as u64) {
                Ok(Some(reduced)) => {
                    check(&state, &reduced);
                    state = reduced.next;
                }
                Ok(None) => {}
                Err(error) => prop_assert!(!error.message.is_empty()),
            }
        }
    }

    /// Instances write with compare-and-set, and apply again what came too late: that is as if one had done it all.
    #[test]
    fn instances_that_take_turns_are_as_one(
        commands in vec((0..3_usize, any::<bool>(), command()), 1..60)
    ) {
        let mut store = fresh();
        let mut alone = fresh();
        let mut held = [fresh(), fresh(), fresh()];
        for (at, (instance, hears, command)) in commands.iter().enumerate() {
            let now = at as u64;
            let mine = &mut held[*instance];
            if *hears {
                *mine = store.clone();
            }
            if command.is_telemetry() {
                continue;
            }
            let mut result = reduce(mine, command, now);
            if mine.version != store.version {
                // Whatever was decided on old grounds is decided anew where it would have been written; and what was
                // refused or found done on old grounds is what an instance that has heard nothing may say.
                match result {
                    Ok(Some(_)) => {
                        *mine = store.clone();
                        result = reduce(mine, command, now);
                    }
                    _ => continue,
                }
            }
            let sequential = reduce(&alone, command, now);
            prop_assert_eq!(result.is_ok(), sequential.is_ok());
            if let (Ok(Some(written)), Ok(Some(expected))) = (result, sequential) {
                prop_assert!(written.next.version > store.version);
                prop_assert_eq!(&written.next, &expected.next);
                store = written.next.clone();
                *mine = written.next;
                alone = expected.next;
            }
        }
        prop_assert_eq!(store, alone);
    }

    #[test]
    fn values_of_older_services_are_read(
        live in any::<bool>(), paused in any::<bool>(), fps in 0.0..120.0_f64, frames in 0..u32::MAX,
        render in proptest::option::of(0.0..50.0_f64),
        start in proptest::option::of(proptest::option::of(0..u32::MAX)),
        error in proptest::option::of(proptest::option::of(".{0,20}")),
        unknown in vec(("[b-z]{3,8}", any::<i32>()), 0..4),
    ) {
        let mut value = json!({"isLive": live, "isPaused": paused, "fps": fps, "targetFPS": 30, "frameCount": frames,
            "droppedFrames": 1});
        let mut set = |name: &str, field: Value| value[name] = field;
        if let Some(render) = render {
            set("averageRenderTime", json!(render));
        }
        if let Some(start) = start {
            set("startTime", json!(start));
        }
        if let Some(error) = &error {
            set("error", json!(error));
        }
        for (name, number) in &unknown {
            set(&format!("x{name}"), json!(number));
        }
        let read = StreamState::from_stored(&value.to_string()).unwrap();
        prop_assert_eq!((read.is_live, read.is_paused), (live, paused));
        prop_assert_eq!(read.frame_count, u64::from(frames));
        prop_assert_eq!(read.start_time, start.flatten().map(u64::from));
        prop_assert_eq!(&read.error, &error.flatten());
        let written = serde_json::to_value(&read).unwrap();
        for (name, _) in &unknown {
            let name = format!("x{name}");
            prop_assert_eq!(&written[&name], &value[&name]);
        }
    }
}
