//! The end, in order: not ready, nobody comes in, state is stored, clients are told, waited for, and left.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::control::Parts;
use crate::ws::wire;

/// When clients may be back. They spread it themselves (spec 3.10), and many are told one after the other.
const RECONNECT_AFTER: Duration = Duration::from_millis(1500);
/// How often it is looked whether everyone has gone.
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn shut_down(parts: Parts) {
    let deadline = Instant::now() + parts.grace;
    parts.health.leave();
    parts.doors.send_replace(true);
    parts.owner.shutdown().await;
    parts.chat.shutdown().await;
    // The second half of the time is for those who were told last.
    let over = parts.grace / 2;
    parts.hub.leave(&wire::farewell(RECONNECT_AFTER), over);
    let everyone_gone = async {
        while parts.hub.totals().clients > 0 {
            sleep_until(Instant::now() + LOOK).await;
        }
    };
    if timeout_at(deadline, everyone_gone).await.is_err() {
        let clients = parts.hub.totals().clients;
        tracing::warn!(clients, "clients that did not close in time are dropped");
    }
    parts.hub.stop();
    for thread in parts.shards {
        // Its loop ends as soon as it has looked at its inbox.
        if thread.join().is_err() {
            tracing::error!("a shard's thread panicked");
        }
    }
    parts.rest.send_replace(true);
}
