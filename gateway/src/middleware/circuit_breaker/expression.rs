//! What the condition of a breaker may ask.

use super::super::predicate::{Constant, Kind};

/// A function of a condition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    NetworkErrorRatio,
    /// Answers with a status of the first range for each one of the second; ends are not in it.
    ResponseCodeRatio([i64; 4]),
    /// Milliseconds that so many per cent of the answers took at most.
    Latency(f64),
    Requests,
}

/// The function of a name, with its arguments.
pub(super) fn find(name: &str, arguments: &[Constant]) -> Result<(Function, Kind), String> {
    match (name, arguments) {
        ("NetworkErrorRatio", []) => Ok((Function::NetworkErrorRatio, Kind::Float)),
        ("RequestThreshold", []) => Ok((Function::Requests, Kind::Int)),
        ("LatencyAtQuantileMS", &[Constant::Float(quantile)]) => {
            Ok((Function::Latency(quantile), Kind::Int))
        }
        (
            "ResponseCodeRatio",
            &[
                Constant::Int(from),
                Constant::Int(to),
                Constant::Int(of_from),
                Constant::Int(of_to),
            ],
        ) => {
            let ranges = [from, to, of_from, of_to];
            Ok((Function::ResponseCodeRatio(ranges), Kind::Float))
        }
        _ => Err(format!(
            "no function {name} with such arguments; there are NetworkErrorRatio(), ResponseCodeRatio(500, 600, 0, 600), LatencyAtQuantileMS(50.0) and RequestThreshold()"
        )),
    }
}
