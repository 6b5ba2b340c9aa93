//! The list of options with their defaults: what `--help` prints and what the flag parser knows of types.

use super::decode::{Decode, Kind};
use super::object::Field;

/// One option by its full name, map names as `<name>`, list positions as `[n]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionLine {
    pub name: String,
    pub kind: Kind,
    /// As it would be written.
    pub default: String,
    pub doc: &'static [&'static str],
    /// Known, but not supported.
    pub later: bool,
    /// Read, but nothing uses it yet.
    pub idle: bool,
    /// A section that may be switched on by its name alone.
    pub empty: bool,
}

/// Adds one field of a section and all that is below it.
pub fn field<T: Decode>(value: &T, prefix: &str, field: Option<&Field>, out: &mut Vec<OptionLine>) {
    let Some(field) = field else { return };
    let name = if prefix.is_empty() {
        field.key.to_owned()
    } else {
        format!("{prefix}.{}", field.key)
    };
    out.push(OptionLine {
        name: name.clone(),
        kind: T::KIND,
        default: match T::KIND {
            // Off until it is written.
            Kind::Section if field.traits.empty => "false".to_owned(),
            Kind::Section => String::new(),
            _ => value.shown(),
        },
        doc: field.doc,
        later: field.traits.later,
        idle: field.traits.idle,
        empty: field.traits.empty,
    });
    value.describe(&name, out);
}
