//! The macro that declares a configuration section once: struct, defaults, decoding, JSON and help come from one list.

/// What a section's key may be besides its type and default. Combined in the brackets of [`object!`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// `key: {}` or `key: true` switches the section on with its defaults (Traefik's `allowEmpty`).
    pub empty: bool,
    /// Shown in JSON even when it has no value.
    pub always: bool,
    /// Never shown in JSON.
    pub hidden: bool,
    /// Passed over in labels.
    pub no_label: bool,
    /// Passed over in files and KV stores.
    pub no_file: bool,
    /// In labels the list is written as one `server`.
    pub server: bool,
    /// Known, but not supported; gives one warning.
    pub later: bool,
    /// Read, but nothing uses it yet; gives one warning. Whoever makes it work takes this away.
    pub idle: bool,
}

/// One key of a section.
#[derive(Debug)]
pub struct Field {
    pub key: &'static str,
    /// The lines of its description.
    pub doc: &'static [&'static str],
    pub traits: Traits,
}

/// Declares sections. A field is `name: Type => "key" [traits] = default,` where traits and default may be left out.
/// The default is the value the field has when its section is present; without one it is the type's empty value.
macro_rules! object {
    ($(
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident : $ty:ty => $key:literal $([$($trait:ident)+])? $(= $default:expr)?,
            )*
        }
    )+) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $ty, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::config::object::object!(@default $($default)?), )* }
            }
        }

        impl $crate::config::decode::Section for $name {
            const FIELDS: &'static [$crate::config::object::Field] = &[$(
                $crate::config::object::Field {
                    key: $key,
                    doc: &[$($field_doc),*],
                    traits: $crate::config::object::object!(@traits $($($trait)+)?),
                },
            )*];

            fn fill_field(
                &mut self,
                key: &str,
                node: &$crate::config::tree::Node,
                decoder: &mut $crate::config::decode::Decoder,
            ) {
                match key {
                    $( $key => $crate::config::decode::Decode::fill(&mut self.$field, node, decoder), )*
                    _ => {}
                }
            }

            fn describe_fields(&self, prefix: &str, out: &mut Vec<$crate::config::describe::OptionLine>) {
                let mut fields = <Self as $crate::config::decode::Section>::FIELDS.iter();
                $( $crate::config::describe::field(&self.$field, prefix, fields.next(), out); )*
            }

            fn present(&self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $(
                    if !$crate::config::decode::Decode::is_absent(&self.$field) {
                        keys.push($key);
                    }
                )*
                keys
            }

            fn write_fields<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $({
                    const TRAITS: $crate::config::object::Traits =
                        $crate::config::object::object!(@traits $($($trait)+)?);
                    let absent = $crate::config::decode::Decode::is_absent(&self.$field);
                    if !TRAITS.hidden && (TRAITS.always || !absent) {
                        map.serialize_entry($key, &self.$field)?;
                    }
                })*
                Ok(())
            }
        }

        $crate::config::decode::section_impls!($name);
    )+};
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@traits) => { $crate::config::object::Traits::NONE };
    (@traits $($trait:ident)+) => {
        $crate::config::object::Traits { $($trait: true,)+ ..$crate::config::object::Traits::NONE }
    };
}

impl Traits {
    pub const NONE: Self = Self {
        empty: false,
        always: false,
        hidden: false,
        no_label: false,
        no_file: false,
        server: false,
        later: false,
        idle: false,
    };
}

pub(crate) use object;
