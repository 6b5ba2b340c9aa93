//! A message from a client, checked for form (spec 3.5): JSON, an object, not too deep, with a `type`.

use serde_json::{Map, Value};

use crate::auth::Denied;
use crate::owner::ApplyError;

/// Nesting, the outer object counted.
const DEPTH: usize = 16;
const LONGEST_TYPE: usize = 64;
const LONGEST_REQUEST: usize = 64;

/// A message whose form is right.
#[derive(Debug)]
pub(in crate::ws) struct Incoming {
    pub(in crate::ws) kind: String,
    pub(in crate::ws) request: Option<String>,
    fields: Map<String, Value>,
}

/// An error that a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Spec 3.5.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Where in the message.
    pub field: Option<String>,
}

impl WireError {
    pub(in crate::ws) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
        }
    }

    /// A field that is not as it has to be.
    pub(in crate::ws) fn field(field: &str, must: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new("VALIDATION_ERROR", format!("{field} must be {must}"))
        }
    }
}

impl From<Denied> for WireError {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Unauthorized(_) => "UNAUTHORIZED",
            Denied::Forbidden(_) => "FORBIDDEN",
        };
        Self::new(code, denied.to_string())
    }
}

impl From<ApplyError> for WireError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Command(error) => Self {
                field: error.fields.first().map(|field| field.field.clone()),
                ..Self::new(error.code.as_str(), error.message)
            },
            ApplyError::NotPersisted | ApplyError::Stopped => {
                Self::new("SERVICE_UNAVAILABLE", error.to_string())
            }
        }
    }
}

impl Incoming {
    /// Reads a text.
    ///
    /// # Errors
    /// The error for the client, and the request's id if it could be read.
    pub(in crate::ws) fn read(text: &str) -> Result<Self, (WireError, Option<String>)> {
        let value: Value = serde_json::from_str(text).map_err(|error| (not_json(&error), None))?;
        let Value::Object(fields) = value else {
            let error = WireError::new("INVALID_MESSAGE", "a message must be a JSON object");
            return Err((error, None));
        };
        let request = match fields.get("requestId") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(id)) if id.chars().count() <= LONGEST_REQUEST => {
                Ok(Some(id.clone()))
            }
            Some(_) => Err(WireError::field(
                "requestId",
                "a string of at most 64 characters",
            )),
        };
        let request = request.map_err(|error| (error, None))?;
        match kind(&fields) {
            Ok(kind) => Ok(Self {
                kind,
                request,
                fields,
            }),
            Err(error) => Err((error, request)),
        }
    }

    /// `payload` or `data`, which have to be objects where they are.
    ///
    /// # Errors
    /// One of them is something else.
    pub(in crate::ws) fn check_bodies(&self) -> Result<(), WireError> {
        for name in ["payload", "data"] {
            match self.fields.get(name) {
                None | Some(Value::Null | Value::Object(_)) => {}
                Some(_) => return Err(WireError::field(name, "an object")),
            }
        }
        Ok(())
    }

    /// A field of the message itself.
    pub(in crate::ws) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// A field of its payload.
    pub(in crate::ws) fn payload(&self, name: &str) -> Option<&Value> {
        self.fields.get("payload")?.get(name)
    }
}

fn kind(fields: &Map<String, Value>) -> Result<String, WireError> {
    if fields.values().any(|value| is_deeper(value, DEPTH - 1)) {
        return Err(too_deep());
    }
    match fields.get("type") {
        Some(Value::String(kind)) if !kind.is_empty() && kind.chars().count() <= LONGEST_TYPE => {
            Ok(kind.clone())
        }
        _ => Err(WireError {
            field: Some("type".to_owned()),
            ..WireError::new(
                "INVALID_MESSAGE",
                "type must be a string of 1 to 64 characters",
            )
        }),
    }
}

fn too_deep() -> WireError {
    WireError::new(
        "INVALID_MESSAGE",
        format!("a message must not be nested deeper than {DEPTH}"),
    )
}

fn not_json(error: &serde_json::Error) -> WireError {
    // The parser gives up on depth by itself, at 128.
    if error.to_string().starts_with("recursion limit") {
        return too_deep();
    }
    WireError::new("INVALID_JSON", format!("not JSON: {error}"))
}

fn is_deeper(value: &Value, allowed: usize) -> bool {
    match value {
        Value::Array(items) => {
            allowed == 0 || items.iter().any(|item| is_deeper(item, allowed - 1))
        }
        Value::Object(fields) => {
            allowed == 0 || fields.values().any(|field| is_deeper(field, allowed - 1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Incoming::read(text).map_or_else(|(error, _)| error.code, |_| "fine")
    }

    #[test]
    fn form_is_checked_before_meaning() {
        for (text, expected) in [
            (r#"{"type":"ping"}"#, "fine"),
            ("", "INVALID_JSON"),
            ("{", "INVALID_JSON"),
            ("[]", "INVALID_MESSAGE"),
            ("1", "INVALID_MESSAGE"),
            ("{}", "INVALID_MESSAGE"),
            (r#"{"type":""}"#, "INVALID_MESSAGE"),
            (r#"{"type":7}"#, "INVALID_MESSAGE"),
            (r#"{"type":"x","requestId":1}"#, "VALIDATION_ERROR"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        let long = "x".repeat(65);
        assert_eq!(code(&format!(r#"{{"type":"{long}"}}"#)), "INVALID_MESSAGE");
    }

    #[test]
    fn depth_counts_the_outer_object() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!(r#"{{"type":"x","y":{open}{close}}}"#)
        };
        assert_eq!(code(&nested(16)), "fine");
        assert_eq!(code(&nested(17)), "INVALID_MESSAGE");
        assert_eq!(code(&nested(5000)), "INVALID_MESSAGE");
    }

    #[test]
    fn bodies_are_objects() {
        let read = |text| Incoming::read(text).unwrap().check_bodies();
        assert!(read(r#"{"type":"x","payload":{}}"#).is_ok());
        assert!(read(r#"{"type":"x","payload":[]}"#).is_err());
        assert!(read(r#"{"type":"x","data":"y"}"#).is_err());
    }
}
