//! Which version last changed the picture, and each of its layers: for deltas and for `expectedVersion`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scene::SceneState;

/// See the head of this file. Not stored: after a start everything counts as changed by the version that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Of the last change of the picture, whatever it was.
    pub last: u64,
    layers: BTreeMap<Arc<str>, u64>,
}

impl Marks {
    /// The version of the last change of that layer.
    pub fn of(&self, id: &str) -> u64 {
        self.layers.get(id).copied().unwrap_or(self.last)
    }

    /// A layer was changed.
    pub(super) fn touch(&mut self, id: &str, version: u64) {
        self.last = version;
        self.layers.insert(id.into(), version);
    }

    /// A layer is gone.
    pub(super) fn forget(&mut self, id: &str, version: u64) {
        self.last = version;
        self.layers.remove(id);
    }

    /// The picture was replaced: layers that are as they were keep their version.
    #[must_use]
    pub fn replaced(&self, before: &SceneState, after: &SceneState, version: u64) -> Self {
        let known: BTreeMap<_, _> = before.assets().map(|asset| (&asset.id, asset)).collect();
        let mark = |asset: &super::Asset| match known.get(&asset.id) {
            Some(old) if *old == asset => self.of(&asset.id),
            _ => version,
        };
        Self {
            last: version,
            layers: after
                .assets()
                .map(|asset| (asset.id.as_str().into(), mark(asset)))
                .collect(),
        }
    }
}
