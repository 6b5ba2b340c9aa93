//! Wrappers: middlewares that own the rest of the chain, because they run it again, instead, or not to its end.

use std::sync::Arc;

use super::chain::Chain;
use crate::http::{Context, HandlerFuture, Request};

/// What a wrapper does.
pub(super) trait Wrap: Send + Sync {
    /// Answers `request`, with the help of the `rest` of the chain or without.
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a>;
}

/// Makes the enum of all wrappers, and finds the wrapper that a configuration names. Each line is
/// `field of the configuration: module::Type`.
macro_rules! wrappers {
    ($($field:ident: $module:ident::$kind:ident,)*) => {
        /// A wrapper.
        #[derive(Clone)]
        pub enum Wrapper {
            $(
                #[doc = concat!("`", stringify!($field), "`")]
                $kind(std::sync::Arc<$module::$kind>),
            )*
        }

        impl Wrapper {
            /// Answers `request`.
            pub(super) fn handle<'a>(
                &'a self,
                cx: &'a mut $crate::http::Context,
                request: $crate::http::Request,
                rest: &'a std::sync::Arc<$crate::middleware::chain::Chain>,
            ) -> $crate::http::HandlerFuture<'a> {
                #[allow(unused_imports, reason = "there may be no wrapper yet")]
                use $crate::middleware::wrapper::Wrap as _;
                match self {
                    $(Self::$kind(wrapper) => wrapper.handle(cx, request, rest),)*
                }
            }
        }

        /// The wrapper that `config` describes; `None` where it describes none of them.
        fn build_wrapper(
            config: &$crate::config::dynamic::Middleware,
            site: &mut $crate::middleware::build::Site<'_>,
        ) -> Option<Result<Wrapper, String>> {
            $(if let Some(config) = &config.$field {
                let built = $module::$kind::new(config, site);
                return Some(built.map(|wrapper| Wrapper::$kind(std::sync::Arc::new(wrapper))));
            })*
            None
        }
    };
}
pub(super) use wrappers;
