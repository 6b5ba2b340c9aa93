//! Which path and method lead where. A row a path.

use http::Method;

/// What a call is for; one handler each, in `api`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Status,
    State,
    Start,
    Stop,
    Pause,
    Resume,
    Reset,
    Playback,
    GetConfig,
    PatchConfig,
    GetLayers,
    CreateLayer,
    UpdateLayers,
    OrderLayers,
    GetLayer,
    ReplaceLayer,
    PatchLayer,
    RemoveLayer,
    LayerVisibility,
    LayerTransform,
    LayerContent,
    Toggle,
    GetScene,
    PutScene,
    PatchScene,
    GetFrame,
    PutFrame,
    ConfigureFrames,
    PreviewClients,
    GetChat,
    PostChat,
    DeleteChat,
    ModerateChat,
    ChatPresence,
    Metrics,
    Events,
    Upgrade,
    Health,
    Page,
}

/// Where a path is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Below `/stream` and `/api/stream`.
    Stream,
    /// As it is.
    Root,
    /// Both.
    Both,
}

/// What one has to be for a call, and what it is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Nobody is asked: health and the upgrade hint.
    Open,
    /// Viewers; limited as reading.
    Read,
    /// Viewers who listen on; limited as reading, from our own origin only.
    Listen,
    /// Viewers who write in chat, from our own origin only.
    Chat,
    /// Moderators; limited as changing, from our own origin only.
    Moderate,
    /// Operators from `ALLOWED_IPS`; limited as changing, and only from our own origin.
    Control,
}

/// One method of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    method: &'static str,
    pub(super) action: Action,
    pub(super) access: Access,
}

struct Route {
    at: At,
    path: &'static str,
    entries: &'static [Entry],
}

const fn get(action: Action) -> Entry {
    Entry {
        method: "GET",
        action,
        access: Access::Read,
    }
}

const fn open(action: Action) -> Entry {
    Entry {
        access: Access::Open,
        ..get(action)
    }
}

const fn entry(method: &'static str, action: Action, access: Access) -> Entry {
    Entry {
        method,
        action,
        access,
    }
}

const fn control(method: &'static str, action: Action) -> Entry {
    entry(method, action, Access::Control)
}

/// POST and PATCH, for clients of either kind.
const fn both(action: Action) -> [Entry; 2] {
    [control("POST", action), control("PATCH", action)]
}

const fn route(at: At, path: &'static str, entries: &'static [Entry]) -> Route {
    Route { at, path, entries }
}

const TABLE: &[Route] = &[
    route(At::Both, "/status", &[get(Action::Status)]),
    route(At::Stream, "/state", &[get(Action::State)]),
    route(At::Stream, "/start", &[control("POST", Action::Start)]),
    route(At::Stream, "/stop", &[control("POST", Action::Stop)]),
    route(At::Stream, "/pause", &[control("POST", Action::Pause)]),
    route(At::Stream, "/resume", &[control("POST", Action::Resume)]),
    route(At::Stream, "/reset", &[control("POST", Action::Reset)]),
    route(
        At::Stream,
        "/playback",
        &[control("POST", Action::Playback)],
    ),
    route(
        At::Stream,
        "/config",
        &[
            get(Action::GetConfig),
            control("PATCH", Action::PatchConfig),
        ],
    ),
    route(
        At::Stream,
        "/settings",
        &[control("PUT", Action::PatchConfig)],
    ),
    route(
        At::Stream,
        "/layers",
        &[get(Action::GetLayers), control("POST", Action::CreateLayer)],
    ),
    // Before the row with a name in its place.
    route(
        At::Stream,
        "/layers/update",
        &[control("POST", Action::UpdateLayers)],
    ),
    route(
        At::Stream,
        "/layers/order",
        &[control("POST", Action::OrderLayers)],
    ),
    route(
        At::Stream,
        "/layers/:id",
        &[
            get(Action::GetLayer),
            control("PUT", Action::ReplaceLayer),
            control("PATCH", Action::PatchLayer),
            control("DELETE", Action::RemoveLayer),
        ],
    ),
    route(
        At::Stream,
        "/layers/:id/visibility",
        &both(Action::LayerVisibility),
    ),
    route(
        At::Stream,
        "/layers/:id/transform",
        &both(Action::LayerTransform),
    ),
    route(
        At::Stream,
        "/layers/:id/content",
        &both(Action::LayerContent),
    ),
    route(
        At::Stream,
        "/toggle/:type",
        &[control("POST", Action::Toggle)],
    ),
    route(
        At::Stream,
        "/scene",
        &[
            get(Action::GetScene),
            control("PUT", Action::PutScene),
            control("PATCH", Action::PatchScene),
        ],
    ),
    route(
        At::Both,
        "/frame",
        &[get(Action::GetFrame), control("PUT", Action::PutFrame)],
    ),
    route(
        At::Both,
        "/frame/config",
        &[control("POST", Action::ConfigureFrames)],
    ),
    route(
        At::Stream,
        "/preview/clients",
        &[get(Action::PreviewClients)],
    ),
    route(
        At::Stream,
        "/chat",
        &[
            get(Action::GetChat),
            entry("POST", Action::PostChat, Access::Chat),
        ],
    ),
    route(At::Stream, "/chat/presence", &[get(Action::ChatPresence)]),
    route(
        At::Stream,
        "/chat/moderation",
        &[entry("POST", Action::ModerateChat, Access::Moderate)],
    ),
    route(
        At::Stream,
        "/chat/:id",
        &[entry("DELETE", Action::DeleteChat, Access::Moderate)],
    ),
    route(At::Stream, "/metrics", &[get(Action::Metrics)]),
    route(
        At::Stream,
        "/events",
        &[entry("GET", Action::Events, Access::Listen)],
    ),
    route(At::Both, "/ws", &[open(Action::Upgrade)]),
    route(At::Root, "/health", &[open(Action::Health)]),
    route(At::Root, "/health/live", &[open(Action::Health)]),
    route(At::Root, "/health/ready", &[open(Action::Health)]),
    route(At::Root, "/health/redis", &[open(Action::Health)]),
    route(At::Root, "/health/ws", &[open(Action::Health)]),
    route(At::Root, "/test", &[open(Action::Page)]),
    route(At::Root, "/test/:file", &[open(Action::Page)]),
];

/// Where a call leads.
#[derive(Debug)]
pub(super) enum Found {
    Entry {
        entry: Entry,
        /// The path's template, for metrics: as called, with names instead of values.
        template: String,
        /// What stands for the `:name` of the template.
        parameter: Option<String>,
    },
    /// There is such a path, but not with this method; what it takes instead.
    Method {
        template: String,
        allow: String,
    },
    Nothing,
}

/// Finds the row of a path; one slash at its end is ignored.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    // The longer prefix first: `/api/stream` does not begin with `/stream`, but a future one might.
    let below = ["/api/stream", "/stream"].into_iter().find_map(|prefix| {
        let rest = path.strip_prefix(prefix)?;
        rest.starts_with('/').then_some((prefix, rest))
    });
    for route in TABLE {
        let stream = below.filter(|_| route.at != At::Root);
        let root = Some(("", path)).filter(|_| route.at != At::Stream);
        for (prefix, rest) in [stream, root].into_iter().flatten() {
            if let Some(parameter) = matches(route.path, rest) {
                return take(route, prefix, method, parameter);
            }
        }
    }
    Found::Nothing
}

fn take(route: &Route, prefix: &str, method: &Method, parameter: Option<String>) -> Found {
    let template = format!("{prefix}{}", route.path);
    // HEAD is answered as GET; the body is left out where the answer is written.
    let wanted = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    match route.entries.iter().find(|entry| entry.method == wanted) {
        Some(entry) => Found::Entry {
            entry: *entry,
            template,
            parameter,
        },
        None => Found::Method {
            template,
            allow: allowed(route),
        },
    }
}

fn allowed(route: &Route) -> String {
    let mut methods: Vec<&str> = route.entries.iter().map(|entry| entry.method).collect();
    if methods.contains(&"GET") {
        methods.insert(1, "HEAD");
    }
    methods.join(", ")
}

/// `Some` if the path has the template's form, with the value of its parameter.
fn matches(template: &str, path: &str) -> Option<Option<String>> {
    let mut parameter = None;
    let mut parts = path.split('/');
    for wanted in template.split('/') {
        let part = parts.next()?;
        if wanted.starts_with(':') && !part.is_empty() {
            parameter = Some(part.to_owned());
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> String {
        match find(method, path) {
            Found::Entry {
                entry,
                template,
                parameter,
            } => format!(
                "{:?} {template} {}",
                entry.action,
                parameter.unwrap_or_default()
            ),
            Found::Method { allow, .. } => allow,
            Found::Nothing => "404".to_owned(),
        }
    }

    #[test]
    fn paths_are_found_under_their_prefixes() {
        for (path, expected) in [
            ("/stream/status", "Status /stream/status "),
            ("/api/stream/status/", "Status /api/stream/status "),
            ("/status", "Status /status "),
            ("/state", "404"),
            ("/stream/status//", "404"),
            ("/streamstatus", "404"),
            ("/stream", "404"),
            ("/", "404"),
            ("/test/client.js", "Page /test/:file client.js"),
            ("/test/a/b", "404"),
            ("/stream/health", "404"),
        ] {
            assert_eq!(found(&Method::GET, path), expected, "{path}");
        }
        assert_eq!(found(&Method::HEAD, "/status"), "Status /status ");
    }

    #[test]
    fn other_methods_are_told_which_ones_there_are() {
        assert_eq!(found(&Method::POST, "/status"), "GET, HEAD");
        assert_eq!(found(&Method::PUT, "/stream/config"), "GET, HEAD, PATCH");
        assert_eq!(found(&Method::GET, "/stream/start"), "POST");
    }
}
