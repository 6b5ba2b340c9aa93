//! placeholder until merge
use super::Stream;
use bytes::Bytes;
use std::time::Duration;
#[derive(Debug, Clone, Copy)]
pub struct TunnelOptions {
    pub idle_timeout: Option<Duration>,
}
pub async fn tunnel(_a: Stream, _b: Stream, _c: Bytes, _d: Bytes, _o: TunnelOptions) {}
