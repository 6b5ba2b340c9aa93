//! Frames over HTTP: the last picture, its size and rate, pictures from an outside compositor, who watches.

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::Response;
use super::answer::{ApiError, bytes, data, json as answer};
use super::api::Api;
use super::body;
use crate::config::{Quality, Resolution};
use crate::preview::{Encoded, Format, FrameConfig, FrameError, Variant};

/// 8 MiB (spec section 6).
pub(super) const LARGEST: usize = 8 * 1024 * 1024;
const LONGEST_SIDE: f64 = 7680.0;

impl Api {
    /// `?quality=low|medium|high`, or the picture as `frame/config` wants it.
    pub(super) async fn get_frame(&self, query: Option<&str>) -> Result<Response, ApiError> {
        let pairs = query.unwrap_or_default().split('&');
        let quality = pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == "quality")
            .map(|(_, value)| value);
        let snapshot = self.owner.snapshot();
        let encoded = match quality {
            None | Some("") => self
                .frames
                .current(&snapshot)
                .await
                .map_err(|error| refused(&error))?,
            Some(quality) => {
                let wrong = || ApiError::validation("quality must be one of low, medium, high");
                let quality: Quality = quality.parse().map_err(|_| wrong())?;
                let format = Format::Png;
                let variant = Variant { quality, format };
                let latest = self.frames.latest(variant, &snapshot).await;
                Encoded::clone(&*latest.map_err(|error| refused(&error))?)
            }
        };
        let kind = encoded.variant.format.media_type();
        let mut response = bytes(StatusCode::OK, kind, encoded.bytes);
        let headers = response.headers_mut();
        for (name, value) in [
            ("x-frame-number", encoded.number),
            ("x-frame-timestamp", encoded.at_ms),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        Ok(response)
    }

    /// Takes a picture from an outside compositor.
    pub(super) async fn put_frame(&self, body: &Bytes) -> Result<Response, ApiError> {
        let snapshot = self.owner.snapshot();
        let number = self.frames.put(body.clone(), &snapshot).await;
        let number = number.map_err(|error| match error {
            FrameError::NotLive => {
                let message = "Stream is not live";
                ApiError::new(StatusCode::CONFLICT, "INVALID_OPERATION", message)
            }
            other => refused(&other),
        })?;
        let body = json!({"success": true, "data": {"frame": number}});
        Ok(answer(StatusCode::ACCEPTED, &body))
    }

    pub(super) fn configure_frames(&self, body: &[u8]) -> Result<Response, ApiError> {
        let wrong = || ApiError::validation("Invalid frame configuration");
        let body = body::object(body)?;
        let number = |name: &str, most: f64| {
            let number = body.get(name).and_then(Value::as_f64);
            let number =
                number.filter(|number| number.fract() == 0.0 && (1.0..=most).contains(number));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and in range"
            )]
            let number = number.map(|number| number as u32);
            number.ok_or_else(wrong)
        };
        let format = body.get("format").and_then(Value::as_str);
        self.frames.configure(FrameConfig {
            size: Resolution {
                width: number("width", LONGEST_SIDE)?,
                height: number("height", LONGEST_SIDE)?,
            },
            fps: number("fps", 60.0)?,
            format: match format {
                Some("jpg") => Format::Jpeg,
                other => other.and_then(Format::parse).ok_or_else(wrong)?,
            },
        });
        (self.reconfigured)();
        Ok(answer(StatusCode::OK, &json!({"success": true})))
    }

    pub(super) fn preview_clients(&self) -> Response {
        data(&self.frames.list())
    }
}

fn refused(error: &FrameError) -> ApiError {
    let (status, code) = match error {
        FrameError::NotLive | FrameError::None => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        FrameError::Format => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
        FrameError::Broken(_) => (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR"),
        FrameError::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    };
    ApiError::new(status, code, error.to_string())
}
