//! What goes over the wire (spec 3.2 to 3.5): messages to clients are encoded here, messages from clients are read here.
//!
//! One more message to clients is one more function in `server`; one more from clients is one more row in
//! [`super::session`]'s table of handlers.

mod changes;
mod chat;
mod incoming;
mod layers;
mod preview;
mod server;

pub(super) use chat::chat_history;
pub use chat::chat_notice;
pub(super) use incoming::Incoming;
pub use incoming::WireError;
pub(super) use layers::layer_state;
pub use layers::{layer_update, layers_replaced};
pub(super) use preview::{Performance, performance, preview_config, preview_state};
pub use preview::{frame, preview_configs, preview_state_changed, stream_error};
pub(super) use server::{ack, error, initial_state, ping, pong, rate_limited, subscribed, welcome};
pub use server::{farewell, metrics_update, state_update};

/// The channel whose message that is, for metrics; what is said to a client alone is of none.
pub(super) fn channel_of(kind: &str) -> &'static str {
    match kind {
        "stateUpdate" | "metricsUpdate" | "streamError" => "state",
        "config" | "streamState" | "frame" | "performance" => "preview",
        "layerState" | "layerUpdate" => "layers",
        "chatHistory" | "chatMessage" | "presenceUpdate" | "moderationEvent" => "chat",
        _ => "none",
    }
}
