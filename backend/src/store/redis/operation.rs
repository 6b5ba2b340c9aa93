//! One operation on Redis, over a connection that may have been closed since it was used last.

use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};

use super::Redis;
use crate::store::StoreError;

/// One operation, tried a second time if the server had closed the connection before.
pub(super) struct Operation<'a> {
    pub(super) redis: &'a Redis,
    pub(super) name: &'static str,
    pub(super) start: Instant,
    pub(super) connection: Option<MultiplexedConnection>,
    pub(super) reused: bool,
}

impl Operation<'_> {
    /// The connection of this attempt.
    pub(super) async fn connection(&mut self) -> Result<&mut MultiplexedConnection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.redis.connect().await {
                Ok(connection) => connection,
                Err(error) => return Err(self.error(&error)),
            },
        };
        Ok(self.connection.insert(connection))
    }

    /// What an attempt comes to; `None` asks for another one.
    pub(super) fn end<T>(&mut self, result: RedisResult<T>) -> Option<Result<T, StoreError>> {
        match result {
            Ok(value) => {
                self.observe();
                *self.redis.idle() = self.connection.take();
                Some(Ok(value))
            }
            Err(error) if self.reused && is_closed(&error) => {
                self.reused = false;
                self.connection = None;
                None
            }
            Err(error) => Some(Err(self.error(&error))),
        }
    }

    fn error(&self, error: &RedisError) -> StoreError {
        self.observe();
        StoreError(format!("Redis, {}: {error}", self.name))
    }

    fn observe(&self) {
        let took = self.start.elapsed();
        self.redis.observer.redis_operation(self.name, took);
    }
}

fn is_closed(error: &RedisError) -> bool {
    !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error())
}
