//! Decoding of single values: weakly typed, as Traefik reads them (`"true"`, `8080` for a text, `10` for a duration).

use serde::{Serialize, Serializer};

use super::{Decode, Decoder, Kind};
use crate::config::tree::{Node, Value};
use crate::types::{Duration, FileOrContent, Secret, UserLine};

impl Decode for String {
    const KIND: Kind = Kind::Text;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        if let Some(text) = decoder.text(node, "a text") {
            text.clone_into(self);
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn shown(&self) -> String {
        self.clone()
    }
}

impl Decode for bool {
    const KIND: Kind = Kind::Switch;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(text) = decoder.text(node, "true or false") else {
            return;
        };
        match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => *self = true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => *self = false,
            _ => decoder.error(&node.at, format!("expected true or false, not {text:?}")),
        }
    }

    fn is_absent(&self) -> bool {
        !self
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

/// A whole number as the formats write them: also `0x1f`, `0o17`, `1_000` and `2.0`.
fn whole(text: &str) -> Option<i128> {
    let digits = text.replace('_', "");
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let magnitude = match digits.split_at_checked(2) {
        Some(("0x" | "0X", hex)) => i128::from(u64::from_str_radix(hex, 16).ok()?),
        Some(("0o" | "0O", octal)) => i128::from(u64::from_str_radix(octal, 8).ok()?),
        Some(("0b" | "0B", binary)) => i128::from(u64::from_str_radix(binary, 2).ok()?),
        _ => {
            let digits = digits
                .split_once('.')
                .filter(|(_, zeros)| zeros.bytes().all(|b| b == b'0'));
            let digits = digits
                .map_or(text.trim_start_matches(['-', '+']), |(whole, _)| whole)
                .replace('_', "");
            i128::from(digits.parse::<u64>().ok()?)
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

macro_rules! whole_numbers {
    ($($ty:ty)+) => {$(
        impl Decode for $ty {
            const KIND: Kind = Kind::Number;

            fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
                let Some(text) = decoder.text(node, "a whole number") else { return };
                match whole(text).map(<$ty>::try_from) {
                    Some(Ok(number)) => *self = number,
                    Some(Err(_)) => {
                        let range = format!("{text} is out of range: {} to {}", <$ty>::MIN, <$ty>::MAX);
                        decoder.error(&node.at, range);
                    }
                    None => decoder.error(&node.at, format!("expected a whole number, not {text:?}")),
                }
            }

            fn is_absent(&self) -> bool {
                *self == 0
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

whole_numbers!(i64 i32);

impl Decode for f64 {
    const KIND: Kind = Kind::Number;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(text) = decoder.text(node, "a number") else {
            return;
        };
        match text.replace('_', "").parse::<Self>() {
            Ok(number) if number.is_finite() => *self = number,
            _ => decoder.error(&node.at, format!("expected a number, not {text:?}")),
        }
    }

    fn is_absent(&self) -> bool {
        *self == 0.0
    }

    fn shown(&self) -> String {
        format!("{self:.6}")
    }
}

impl Decode for Duration {
    const KIND: Kind = Kind::Text;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(text) = decoder.text(node, "a duration") else {
            return;
        };
        match text.parse() {
            Ok(duration) => *self = duration,
            Err(error) => decoder.error(&node.at, error.to_string()),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_zero()
    }

    /// Whole seconds as a number, as Traefik's help shows them.
    fn shown(&self) -> String {
        let nanos = self.as_nanos();
        if nanos % 1_000_000_000 == 0 {
            (nanos / 1_000_000_000).to_string()
        } else {
            self.to_string()
        }
    }
}

macro_rules! texts {
    ($($ty:ty)+) => {$(
        impl Decode for $ty {
            const KIND: Kind = Kind::Text;

            fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
                if let Some(text) = decoder.text(node, "a text") {
                    *self = <$ty>::new(text);
                }
            }

            fn is_absent(&self) -> bool {
                self.is_empty()
            }
        }
    )+};
}

texts!(FileOrContent Secret UserLine);

/// Whatever was written, kept as JSON: the options of a plugin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Anything(pub serde_json::Value);

impl Serialize for Anything {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Decode for Anything {
    const KIND: Kind = Kind::Anything;

    fn fill(&mut self, node: &Node, _decoder: &mut Decoder) {
        self.0 = json(node);
    }

    fn is_absent(&self) -> bool {
        self.0.is_null()
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(scalar) if scalar.plain => match scalar.text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => text
                .parse::<i64>()
                .map(Into::into)
                .or_else(|_| text.parse::<f64>().map(Into::into))
                .unwrap_or_else(|_| text.into()),
        },
        Value::Scalar(scalar) => scalar.text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(_) => node
            .entries()
            .map(|entry| (entry.key.clone(), json(&entry.node)))
            .collect(),
    }
}
