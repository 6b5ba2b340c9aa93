//! `/debug` (`api.debug`): what Go's runtime shows there, as far as it makes sense for this program.

use ::http::{HeaderValue, header};

use super::json;
use crate::http::{Body, Response};

/// What stands behind a path below `/debug/`; `None` where nothing does.
pub(super) fn answer(path: &str) -> Option<Response> {
    match path {
        "vars" => {
            let command: Vec<String> = std::env::args().collect();
            Some(json::document(&serde_json::json!({ "cmdline": command })))
        }
        path if path.starts_with("pprof/cmdline") => {
            let command: Vec<String> = std::env::args().collect();
            Some(text(command.join("\0")))
        }
        "pprof/" => Some(text(
            "This program has no profiles of its own: attach perf to the process instead.\n\
             /debug/pprof/cmdline  the command line\n\
             /debug/vars           the command line as JSON\n"
                .to_owned(),
        )),
        _ => None,
    }
}

fn text(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
