//! Pictures: sizes, formats, the pattern, and who they are made for.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::choice::fitted;
use super::*;
use crate::config::{Config, Quality, Resolution};
use crate::state::{Command, Counters, LayerPatch, RuntimeConfig, SceneEdit, Snapshot, reduce};

fn size(width: u32, height: u32) -> Resolution {
    Resolution { width, height }
}

fn live() -> Arc<Snapshot> {
    let (config, _) = Config::from_vars(std::iter::empty()).unwrap();
    let fresh = Snapshot::new("e", RuntimeConfig::from(&config.stream));
    Arc::new(reduce(&fresh, &Command::Start, 1).unwrap().unwrap().next)
}

const LOW: Variant = Variant {
    quality: Quality::Low,
    format: Format::Png,
};

#[test]
fn sizes_fit_and_are_even() {
    for (from, quality, wanted) in [
        (size(1280, 720), Quality::Low, size(854, 480)),
        (size(1280, 720), Quality::Medium, size(1280, 720)),
        (size(1280, 720), Quality::High, size(1280, 720)),
        (size(3840, 2160), Quality::High, size(1920, 1080)),
        (size(1080, 1920), Quality::Low, size(270, 480)),
        (size(16, 16), Quality::Low, size(16, 16)),
        (size(7680, 16), Quality::Low, size(854, 2)),
    ] {
        assert_eq!(fitted(from, quality), wanted, "{from:?} {quality:?}");
    }
}

#[test]
fn every_choice_has_its_own_number() {
    let mut seen = std::collections::BTreeSet::new();
    for variant in Variant::all() {
        for encoding in [Encoding::Json, Encoding::Binary] {
            seen.insert(Choice { variant, encoding }.index());
        }
    }
    assert_eq!(seen.len(), Choice::COUNT);
    assert_eq!(seen.last(), Some(&(Choice::COUNT - 1)));
}

#[tokio::test]
async fn the_pattern_shows_the_scene() {
    let frames = Frames::default();
    let snapshot = live();
    let plain = frames.latest(LOW, &snapshot).await.unwrap();
    assert_eq!(plain.size, size(854, 480));
    assert_eq!(&plain.bytes[..4], b"\x89PNG");
    let layer = LayerPatch::default().into_layer("host".to_owned());
    let edit = Command::Scene(SceneEdit::Create(Box::new(layer)));
    let with_layer = reduce(&snapshot, &edit, 1).unwrap().unwrap().next;
    let other = Frames::default()
        .latest(LOW, &Arc::new(with_layer))
        .await
        .unwrap();
    let (one, two) = (
        image::load_from_memory(&plain.bytes),
        image::load_from_memory(&other.bytes),
    );
    // The corner where the layer is.
    let corner = |picture: image::DynamicImage| picture.into_rgb8().get_pixel(40, 30).0;
    assert_ne!(corner(one.unwrap()), corner(two.unwrap()));
    let jpeg = Variant {
        format: Format::Jpeg,
        ..LOW
    };
    let jpeg = frames.latest(jpeg, &snapshot).await.unwrap();
    assert_eq!(&jpeg.bytes[..3], b"\xff\xd8\xff");
}

#[tokio::test]
async fn pictures_from_outside_are_checked_and_scaled() {
    let (frames, snapshot) = (Frames::default(), live());
    let (config, _) = Config::from_vars(std::iter::empty()).unwrap();
    let stopped = Snapshot::new("e", RuntimeConfig::from(&config.stream));
    let mut png = Vec::new();
    let picture = image::RgbImage::from_pixel(1920, 1080, image::Rgb([1, 2, 3]));
    picture
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    let png = bytes::Bytes::from(png);
    assert_eq!(
        frames.put(png.clone(), &stopped).await,
        Err(FrameError::NotLive)
    );
    assert_eq!(
        frames.put("GIF89a".into(), &snapshot).await,
        Err(FrameError::Format)
    );
    let broken = png.slice(..200);
    assert!(matches!(
        frames.put(broken, &snapshot).await,
        Err(FrameError::Broken(_))
    ));
    frames.put(png, &snapshot).await.unwrap();
    for (quality, wanted) in [
        (Quality::Low, size(854, 480)),
        (Quality::High, size(1920, 1080)),
    ] {
        let variant = Variant { quality, ..LOW };
        let made = Frames::latest(&frames, variant, &snapshot).await.unwrap();
        assert_eq!(made.size, wanted);
        assert_eq!(frames.delivered(quality, &snapshot).0, wanted);
        let read = image::load_from_memory(&made.bytes).unwrap().into_rgb8();
        assert_eq!(read.get_pixel(5, 5).0, [1, 2, 3]);
    }
    assert_eq!(
        frames.latest(LOW, &Arc::new(stopped)).await.unwrap_err(),
        FrameError::NotLive
    );
}

#[test]
fn who_watches_is_counted() {
    let frames = Frames::default();
    let mut watching = frames.watch("a", Choice::default());
    let _other = frames.watch("b", Choice::default());
    assert_eq!(
        (frames.clients(Quality::Medium), frames.list().len()),
        (2, 2)
    );
    watching.choose(Choice {
        variant: LOW,
        encoding: Encoding::Binary,
    });
    assert!(frames.wants(LOW));
    assert_eq!(
        (
            frames.clients(Quality::Medium),
            frames.clients(Quality::Low)
        ),
        (1, 1)
    );
    assert_eq!(frames.list()[0].quality, "low");
    drop(watching);
    assert!(!frames.wants(LOW));
    assert_eq!(frames.list().len(), 1);
}

#[test]
fn rates_are_the_smaller_of_two() {
    let (frames, snapshot) = (Frames::default(), live());
    assert_eq!(
        frames.delivered(Quality::Medium, &snapshot),
        (size(1280, 720), 20)
    );
    frames.configure(FrameConfig {
        size: size(640, 360),
        fps: 5,
        format: Format::Png,
    });
    assert_eq!(
        frames.delivered(Quality::High, &snapshot),
        (size(640, 360), 5)
    );
    let counted = Command::Telemetry(Counters::default());
    assert_eq!(reduce(&snapshot, &counted, 1), Ok(None));
}

#[tokio::test]
async fn pictures_are_compressed() {
    for format in [Format::Png, Format::Jpeg] {
        let variant = Variant {
            quality: Quality::High,
            format,
        };
        let made = Frames::default().latest(variant, &live()).await.unwrap();
        assert_eq!(made.size, size(1280, 720));
        assert!(
            made.bytes.len() < 100_000,
            "{format:?}: {}",
            made.bytes.len()
        );
    }
}
