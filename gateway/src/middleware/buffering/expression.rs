//! What `retryExpression` may ask.

use super::super::predicate::{Constant, Kind};

/// A function of an expression.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    Attempts,
    ResponseCode,
    IsNetworkError,
    RequestMethod,
}

/// The function of a name.
pub(super) fn find(name: &str, arguments: &[Constant]) -> Result<(Function, Kind), String> {
    let found = match name {
        "Attempts" => (Function::Attempts, Kind::Int),
        "ResponseCode" => (Function::ResponseCode, Kind::Int),
        "IsNetworkError" => (Function::IsNetworkError, Kind::Flag),
        "RequestMethod" => (Function::RequestMethod, Kind::Text),
        _ => {
            return Err(format!(
                "{name} is unknown; there are Attempts, ResponseCode, IsNetworkError and RequestMethod"
            ));
        }
    };
    match arguments {
        [] => Ok(found),
        _ => Err(format!("{name} takes no arguments")),
    }
}
