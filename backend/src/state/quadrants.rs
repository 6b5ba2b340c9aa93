//! Quadrants on the wire: pairs `[number, quadrant]`, as JavaScript writes a map it turns into a list.
//!
//! A map that was not turned into a list became `{}`, and some writers used an object with the numbers as names; both
//! are read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};

use super::scene::Quadrant;

/// The highest quadrant number.
const LAST: u8 = 4;

pub(super) fn serialize<S: Serializer>(
    quadrants: &BTreeMap<u8, Quadrant>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(quadrants)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<u8, Quadrant>, D::Error> {
    deserializer.deserialize_any(Quadrants)
}

struct Quadrants;

impl<'de> Visitor<'de> for Quadrants {
    type Value = BTreeMap<u8, Quadrant>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of a quadrant's number and the quadrant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut quadrants = BTreeMap::new();
        while let Some((number, quadrant)) = pairs.next_element::<(u8, Quadrant)>()? {
            insert(&mut quadrants, number, quadrant)?;
        }
        Ok(quadrants)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut quadrants = BTreeMap::new();
        while let Some((number, quadrant)) = entries.next_entry::<String, Quadrant>()? {
            let number = number
                .parse()
                .map_err(|_| A::Error::custom(format!("{number:?} is not a quadrant's number")))?;
            insert(&mut quadrants, number, quadrant)?;
        }
        Ok(quadrants)
    }
}

fn insert<E: Error>(
    quadrants: &mut BTreeMap<u8, Quadrant>,
    number: u8,
    quadrant: Quadrant,
) -> Result<(), E> {
    if number > LAST {
        return Err(E::custom(format!(
            "there is no quadrant {number}, only 0 to {LAST}"
        )));
    }
    if quadrants.insert(number, quadrant).is_some() {
        return Err(E::custom(format!("quadrant {number} is given twice")));
    }
    Ok(())
}
