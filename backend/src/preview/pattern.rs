//! The test pattern: bars, the scene's visible layers in their places, the frame's number and the time.

use embedded_graphics::Drawable as _;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor as _};
use embedded_graphics::prelude::Primitive as _;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};

use crate::config::Resolution;
use crate::state::{Layer, SceneState, layers};

/// Bars of SMPTE's colours, a little darker, so that layers stand out.
const BARS: [[u8; 3]; 7] = [
    [150, 150, 150],
    [150, 150, 20],
    [20, 150, 150],
    [20, 150, 20],
    [150, 20, 150],
    [150, 20, 20],
    [20, 20, 150],
];
/// How large a layer is drawn that says nothing of its size, in parts of the picture.
const LAYER: (f64, f64) = (0.25, 0.2);

/// What a pattern shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) scene: &'a SceneState,
    /// The size that the scene's places are of.
    pub(super) canvas: Resolution,
    pub(super) number: u64,
    /// Unix milliseconds.
    pub(super) at_ms: u64,
    pub(super) paused: bool,
}

struct Canvas(RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(point, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Self::Error> {
        let visible = area.intersection(&Rectangle::new(Point::zero(), self.size()));
        let side = |side: i32| u32::try_from(side).unwrap_or(0);
        let (left, top) = (side(visible.top_left.x), side(visible.top_left.y));
        let color = [color.r(), color.g(), color.b()];
        let stride = self.0.width() as usize * 3;
        let (from, length) = (left as usize * 3, visible.size.width as usize * 3);
        let rows = self.0.chunks_exact_mut(stride);
        for row in rows.skip(top as usize).take(visible.size.height as usize) {
            let row = row.get_mut(from..from + length).unwrap_or_default();
            row.chunks_exact_mut(3)
                .for_each(|pixel| pixel.copy_from_slice(&color));
        }
        Ok(())
    }
}

/// Draws it in this size.
pub(super) fn draw(shown: &Shown<'_>, size: Resolution) -> RgbImage {
    let mut canvas = Canvas(RgbImage::new(size.width, size.height));
    bars(&mut canvas, size);
    for layer in layers(shown.scene).iter().filter(|layer| layer.visible) {
        draw_layer(&mut canvas, layer, shown.canvas, size);
    }
    let seconds = shown.at_ms / 1000 % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let (seconds, millis) = (seconds % 60, shown.at_ms % 1000);
    let Resolution { width, height } = shown.canvas;
    let paused = if shown.paused { "  paused" } else { "" };
    let text = format!(
        "{width}x{height}  frame {}  {hours:02}:{minutes:02}:{seconds:02}.{millis:03} UTC{paused}",
        shown.number
    );
    let large = size.width >= 640;
    let line = if large { 20 } else { 10 };
    let bottom = i32::try_from(size.height).unwrap_or(0) - line - 8;
    let band = Rectangle::new(Point::new(0, bottom - 8), Size::new(size.width, 36));
    fill(&mut canvas, band, Rgb888::new(0, 0, 0));
    write(&mut canvas, &text, Point::new(8, bottom), large);
    // A mark that moves shows that pictures follow each other.
    let step = u32::try_from(shown.number % 100).unwrap_or(0);
    let mark = Rectangle::new(
        Point::new(
            i32::try_from(size.width * step / 100).unwrap_or(0),
            bottom - 8,
        ),
        Size::new((size.width / 100).max(2), 4),
    );
    fill(&mut canvas, mark, Rgb888::new(255, 255, 255));
    canvas.0
}

fn bars(canvas: &mut Canvas, size: Resolution) {
    let count = u32::try_from(BARS.len()).unwrap_or(1);
    for (number, [red, green, blue]) in (0_u32..).zip(BARS) {
        let left = size.width * number / count;
        let right = size.width * (number + 1) / count;
        let corner = Point::new(i32::try_from(left).unwrap_or(0), 0);
        let area = Rectangle::new(corner, Size::new(right - left, size.height));
        fill(canvas, area, Rgb888::new(red, green, blue));
    }
}

fn draw_layer(canvas: &mut Canvas, layer: &Layer, from: Resolution, size: Resolution) {
    let scale = f64::from(size.width) / f64::from(from.width.max(1));
    let transform = &layer.transform;
    let (wide, high) = (
        f64::from(from.width) * LAYER.0,
        f64::from(from.height) * LAYER.1,
    );
    let (wide, high) = match layer.slot.as_str() {
        "background" => (f64::from(from.width), f64::from(from.height)),
        _ => (wide * transform.scale, high * transform.scale),
    };
    let pixel = |number: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to what a place can be"
        )]
        let number = (number * scale).clamp(-16_384.0, 16_384.0) as i32;
        number
    };
    let corner = Point::new(
        pixel(transform.position.x - wide * transform.anchor.x),
        pixel(transform.position.y - high * transform.anchor.y),
    );
    let corner = if layer.slot == "background" {
        Point::zero()
    } else {
        corner
    };
    let side = |number: f64| u32::try_from(pixel(number)).unwrap_or(0);
    let area = Rectangle::new(corner, Size::new(side(wide), side(high)));
    let color = color_of(&layer.id, layer.opacity);
    fill(canvas, area, color);
    let frame = PrimitiveStyle::with_stroke(Rgb888::new(255, 255, 255), 2);
    // Drawing into memory cannot fail.
    let _ = area.into_styled(frame).draw(canvas);
    let content = layer
        .content
        .data
        .as_ref()
        .and_then(|data| data.get("text"));
    let text = content
        .and_then(serde_json::Value::as_str)
        .unwrap_or(&layer.name);
    let short: String = text.chars().take(40).collect();
    write(canvas, &short, corner + Point::new(6, 6), size.width >= 640);
}

fn fill(canvas: &mut Canvas, area: Rectangle, color: Rgb888) {
    let _ = canvas.fill_solid(&area, color);
}

fn write(canvas: &mut Canvas, text: &str, at: Point, large: bool) {
    let font = if large { &FONT_10X20 } else { &FONT_6X10 };
    let style = MonoTextStyle::new(font, Rgb888::new(255, 255, 255));
    let _ = Text::with_baseline(text, at, style, Baseline::Top).draw(canvas);
}

/// The same for the same layer always; darker the less solid it is.
fn color_of(id: &str, opacity: f64) -> Rgb888 {
    let sum = id
        .bytes()
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
    let part = |shift: u32| {
        let strength = f64::from(64 + (sum >> shift & 0x7f));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 191"
        )]
        let part = (strength * opacity.clamp(0.0, 1.0)) as u8;
        part
    };
    Rgb888::new(part(0), part(7), part(14))
}
