//! Compiled rules that the next run may use again: most reloads change few of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rule::Syntax;
use crate::rule::http::{Matcher, compile};

/// By their text.
#[derive(Default)]
pub(super) struct Rules {
    v2: Side,
    v3: Side,
}

#[derive(Default)]
struct Side {
    /// Of the last run, those that were not asked for yet.
    before: HashMap<String, Arc<Matcher>>,
    now: HashMap<String, Arc<Matcher>>,
}

impl Rules {
    /// The rule, compiled; else why it cannot be.
    pub(super) fn get(&mut self, rule: &str, syntax: Syntax) -> Result<Arc<Matcher>, String> {
        let side = match syntax {
            Syntax::V2 => &mut self.v2,
            Syntax::V3 => &mut self.v3,
        };
        if let Some(known) = side.now.get(rule) {
            return Ok(Arc::clone(known));
        }
        let matcher = match side.before.remove(rule) {
            Some(known) => known,
            None => Arc::new(compile(rule, syntax).map_err(|error| error.to_string())?),
        };
        side.now.insert(rule.to_owned(), Arc::clone(&matcher));
        Ok(matcher)
    }

    /// At the end of a run: forgets the rules that were not asked for.
    pub(super) fn into_kept(mut self) -> Self {
        for side in [&mut self.v2, &mut self.v3] {
            let as_large = HashMap::with_capacity(side.now.len());
            side.before = std::mem::replace(&mut side.now, as_large);
        }
        self
    }
}
