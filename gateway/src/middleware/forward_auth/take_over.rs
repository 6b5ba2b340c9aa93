//! What a request takes over from the answer that lets it pass.

use ::http::{HeaderMap, HeaderName, header};

use super::ForwardAuth;
use crate::http::forwarded;

/// `name` as Go writes names of fields, into `out`: `X-Auth-User`. Expressions are matched against that. With `fold`, as
/// servers may read it that take `_` and `.` for `-`.
fn canonical(name: &HeaderName, fold: bool, out: &mut String) {
    out.clear();
    let mut first = true;
    for byte in name.as_str().bytes() {
        let byte = if fold { forwarded::folded(byte) } else { byte };
        let c = char::from(byte);
        out.push(if first { c.to_ascii_uppercase() } else { c });
        first = c == '-';
    }
}

impl ForwardAuth {
    /// Gives the request the fields of the answer that it is to have. What the client wrote in them goes, answered or not.
    pub(super) fn take_over(&self, headers: &mut HeaderMap, answer: &HeaderMap) {
        for name in &self.taken {
            forwarded::remove_aliases(headers, name);
            for value in answer.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        let Some(regex) = &self.taken_regex else {
            return;
        };
        let mut buffer = String::new();
        let mut matches = |name: &HeaderName, fold| {
            canonical(name, fold, &mut buffer);
            // Go keeps the host apart from the fields.
            *name != header::HOST && regex.is_match(&buffer)
        };
        let found: Vec<HeaderName> = headers
            .keys()
            .filter(|name| matches(name, false) || matches(name, true))
            .cloned()
            .collect();
        for name in found {
            headers.remove(name);
        }
        for name in answer.keys().filter(|name| matches(name, false)) {
            headers.remove(name);
            for value in answer.get_all(name) {
                headers.append(name, value.clone());
            }
        }
    }
}
