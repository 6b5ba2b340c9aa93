//! The log of the gateway itself and the access log.

use std::collections::BTreeMap;

use super::OtlpLog;
use crate::config::object::object;
use crate::types::Duration;

object! {
    /// The log of the gateway itself.
    pub struct Log {
        /// Log level set to traefik logs.
        level: String => "level" = "ERROR".to_owned(),
        /// Log format: json | common
        format: String => "format" = "common".to_owned(),
        /// When using the 'common' format, disables the colorized output.
        no_color: bool => "noColor",
        /// Log file path. Stdout is used when omitted or empty.
        file_path: String => "filePath",
        /// Maximum size in megabytes of the log file before it gets rotated.
        max_size: i64 => "maxSize",
        /// Maximum number of days to retain old log files based on the timestamp encoded in their filename.
        max_age: i64 => "maxAge",
        /// Maximum number of old log files to retain.
        max_backups: i64 => "maxBackups",
        /// Determines if the rotated log files should be compressed using gzip.
        compress: bool => "compress",
        /// Settings for OpenTelemetry.
        otlp: Option<OtlpLog> => "otlp" [empty idle],
    }

    /// The access log.
    pub struct AccessLog {
        /// Access log file path. Stdout is used when omitted or empty.
        file_path: String => "filePath",
        /// Access log format: json, common, or genericCLF
        format: String => "format" = "common".to_owned(),
        /// Access log filters, used to keep only specific access logs.
        filters: AccessLogFilters => "filters",
        /// AccessLogFields.
        fields: AccessLogFields => "fields",
        /// Number of access log lines to process in a buffered way. Accepted and without effect: lines are written together as they come.
        buffering_size: i64 => "bufferingSize",
        /// Enables access log for internal services (ping, dashboard, etc...).
        add_internals: bool => "addInternals",
        /// Enables both file/stdout and OTLP output.
        dual_output: bool => "dualOutput" [idle],
        /// Settings for OpenTelemetry.
        otlp: Option<OtlpLog> => "otlp" [empty idle],
    }

    /// Which requests are logged.
    pub struct AccessLogFilters {
        /// Keep access logs with status codes in the specified range.
        status_codes: Vec<String> => "statusCodes",
        /// Keep access logs when at least one retry happened.
        retry_attempts: bool => "retryAttempts",
        /// Keep access logs when request took longer than the specified duration.
        min_duration: Duration => "minDuration",
    }

    /// Which fields are logged.
    pub struct AccessLogFields {
        /// Default mode for fields: keep | drop
        default_mode: String => "defaultMode" = "keep".to_owned(),
        /// Override mode for fields
        names: BTreeMap<String, String> => "names",
        /// Headers to keep, drop or redact
        headers: AccessLogHeaders => "headers",
        /// Query parameters to keep, drop or redact
        query_parameters: AccessLogQueryParameters => "queryParameters",
    }

    /// Which headers are logged.
    pub struct AccessLogHeaders {
        /// Default mode for fields: keep | drop | redact
        default_mode: String => "defaultMode" = "drop".to_owned(),
        /// Override mode for headers
        names: BTreeMap<String, String> => "names",
    }

    /// Whether query parameters are logged.
    pub struct AccessLogQueryParameters {
        /// Default mode for query parameters: keep | drop | redact
        default_mode: String => "defaultMode" = "keep".to_owned(),
    }
}
