//! Filters: middlewares that look at a request on its way in, at its answer on its way out, or at both.

use std::future::Future;
use std::pin::Pin;

use crate::http::{Context, Request, Response};

/// What a filter decided about a request.
pub(crate) enum Outcome<M> {
    /// It goes on.
    Next,
    /// It goes on, and the filter will want to know this when the answer comes back.
    Keep(M),
    /// This is the answer. What follows never sees the request.
    Answer(Box<Response>),
}

/// A decision, or a wait for one.
pub(crate) enum Step<'a, M> {
    /// Decided.
    Done(Outcome<M>),
    /// Something must be waited for. Only filters that need it pay for the box.
    Later(Pin<Box<dyn Future<Output = Outcome<M>> + 'a>>),
}

impl<M> Step<'_, M> {
    /// The request goes on.
    pub(crate) const NEXT: Self = Self::Done(Outcome::Next);

    /// The request goes on, and `memo` comes back with its answer.
    pub(crate) fn keep(memo: M) -> Self {
        Self::Done(Outcome::Keep(memo))
    }

    /// `response` is the answer.
    pub(crate) fn answer(response: Response) -> Self {
        Self::Done(Outcome::Answer(Box::new(response)))
    }
}

/// What a filter does. Both halves default to nothing.
pub(crate) trait Act: Send + Sync {
    /// What a request leaves behind for its answer; `()` for filters that need nothing.
    type Memo: 'static;

    /// Whether it counts or remembers something that must outlive a reload which does not change it.
    const KEEPS_STATE: bool = false;

    /// Told once, before the first request: the middleware's name, with its provider. Most need none.
    fn named(&mut self, _name: &str) {}

    /// Looks at a request, and may change or answer it.
    fn request<'a>(
        &'a self,
        _cx: &'a mut Context,
        _request: &'a mut Request,
    ) -> Step<'a, Self::Memo> {
        Step::NEXT
    }

    /// Looks at the answer of a request that this filter let through; `memo` is what it kept.
    fn response(&self, _cx: &Context, _memo: Option<Self::Memo>, _response: &mut Response) {}
}

/// Makes the enums of all filters, and finds the filter that a configuration names. Each line is
/// `field of the configuration: module::Type`.
macro_rules! filters {
    ($($field:ident: $module:ident::$kind:ident,)*) => {
        /// A filter. An enum, so that a chain is walked without calls through tables or boxed futures.
        #[derive(Clone)]
        pub enum Filter {
            $(
                #[doc = concat!("`", stringify!($field), "`")]
                $kind(std::sync::Arc<$module::$kind>),
            )*
        }

        /// What a filter keeps between a request and its answer.
        pub(super) enum Memo {
            $($kind(<$module::$kind as $crate::middleware::filter::Act>::Memo),)*
        }

        impl Filter {
            /// Whether it must outlive a reload which does not change it.
            pub(super) fn keeps_state(&self) -> bool {
                use $crate::middleware::filter::Act;
                match self {
                    $(Self::$kind(_) => <$module::$kind as Act>::KEEPS_STATE,)*
                }
            }

            /// The filter's half on the way in.
            #[inline]
            pub(super) fn request<'a>(
                &'a self,
                cx: &'a mut $crate::http::Context,
                request: &'a mut $crate::http::Request,
            ) -> $crate::middleware::filter::Step<'a, Memo> {
                use $crate::middleware::filter::{Act as _, map};
                match self {
                    $(Self::$kind(filter) => map(filter.request(cx, request), Memo::$kind),)*
                }
            }

            /// The filter's half on the way out.
            #[inline]
            pub(super) fn response(
                &self,
                cx: &$crate::http::Context,
                memo: Option<Memo>,
                response: &mut $crate::http::Response,
            ) {
                use $crate::middleware::filter::Act as _;
                match self {
                    $(Self::$kind(filter) => {
                        let memo = match memo {
                            Some(Memo::$kind(memo)) => Some(memo),
                            _ => None,
                        };
                        filter.response(cx, memo, response);
                    })*
                }
            }
        }

        /// The filter that `config` describes; `None` where it describes none of them.
        fn build_filter(
            name: &str,
            config: &$crate::config::dynamic::Middleware,
        ) -> Option<Result<Filter, String>> {
            use $crate::middleware::filter::Act as _;
            $(if let Some(config) = &config.$field {
                let built = $module::$kind::new(config);
                return Some(built.map(|mut filter| {
                    filter.named(name);
                    Filter::$kind(std::sync::Arc::new(filter))
                }));
            })*
            None
        }
    };
}
pub(super) use filters;

/// The same step with another memo.
pub(super) fn map<'a, A: 'a, B: 'a>(step: Step<'a, A>, wrap: fn(A) -> B) -> Step<'a, B> {
    let outcome = move |outcome| match outcome {
        Outcome::Next => Outcome::Next,
        Outcome::Keep(memo) => Outcome::Keep(wrap(memo)),
        Outcome::Answer(response) => Outcome::Answer(response),
    };
    match step {
        Step::Done(done) => Step::Done(outcome(done)),
        Step::Later(future) => Step::Later(Box::pin(async move { outcome(future.await) })),
    }
}
