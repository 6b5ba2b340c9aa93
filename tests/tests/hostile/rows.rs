//! The advisories, by number, and the tests that hold us to them: a row without a test, or a test without a function, is seen.

use anyhow::{Context as _, Result, ensure};
use sluice_tests::binaries::root;

/// How many there are.
const COUNT: u16 = 69;

enum Held {
    /// By these functions of this test binary, as `module::function`.
    Here(&'static [&'static str]),
    /// By these elsewhere, as file and function.
    There(&'static [(&'static str, &'static str)]),
    /// By nothing yet: what it is about does not exist here.
    NotYet(&'static str),
}

use Held::{Here, NotYet, There};

const QUIC: &str = "there is no QUIC and no HTTP/3";
const ACME: &str = "there is no ACME";
const STREAM: &str = "it is about the stream manager, whose tests hold it";

/// Number, what it is about in a word, and what holds it.
const ROWS: &[(u16, &str, Held)] = &[
    (
        1,
        "Connection nominates managed fields",
        Here(&["forwarded::a_client_cannot_nominate_what_the_gateway_says"]),
    ),
    (
        2,
        "managed names with _ and .",
        Here(&[
            "forwarded::a_stranger_says_nothing_of_itself",
            "forwarded::underscores_go_or_are_refused_where_that_is_wished",
            "auth::a_user_has_the_name_it_signed_in_with",
        ]),
    ),
    (
        3,
        "trailers",
        Here(&[
            "forwarded::trailers_say_nothing_either",
            "forwarded::trailers_of_http2_say_nothing_either",
        ]),
    ),
    (
        4,
        "X-Forwarded-Prefix and its kin",
        Here(&[
            "forwarded::a_stranger_says_nothing_of_itself",
            "auth::what_the_asked_service_says_is_not_the_clients_to_say",
            "api::the_dashboard_redirects_to_itself_only",
        ]),
    ),
    (
        5,
        "headerField",
        Here(&[
            "auth::a_user_has_the_name_it_signed_in_with",
            "auth::what_the_asked_service_says_is_not_the_clients_to_say",
        ]),
    ),
    (
        6,
        "rewrites that climb",
        Here(&["path::rewrites_do_not_climb"]),
    ),
    (
        7,
        "escapes inside a stripped prefix",
        Here(&["path::rewrites_do_not_climb"]),
    ),
    (
        8,
        "dots and reserved characters",
        Here(&[
            "path::nothing_leads_past_a_guard",
            "path::escapes_can_be_forbidden",
        ]),
    ),
    (
        9,
        "a raw #",
        Here(&[
            "path::nothing_leads_past_a_guard",
            "head::request_lines_name_one_target_and_one_version",
        ]),
    ),
    (
        10,
        "spellings of a host",
        Here(&[
            "head::one_name_in_any_spelling_is_one_host",
            "tls::a_handshake_for_one_host_does_not_open_another",
        ]),
    ),
    (
        11,
        "domain fronting",
        Here(&["tls::a_handshake_for_one_host_does_not_open_another"]),
    ),
    (12, "QUIC server names", NotYet(QUIC)),
    (
        13,
        "TLS options that conflict or fail",
        Here(&["tls::where_options_disagree_or_fail_nobody_gets_in"]),
    ),
    (
        14,
        "a ClientHello in pieces",
        Here(&["tls::a_hello_may_come_in_pieces_but_not_for_ever"]),
    ),
    (
        15,
        "stalled handshakes",
        Here(&[
            "tls::a_hello_may_come_in_pieces_but_not_for_ever",
            "http2::a_preface_that_breaks_off_is_not_waited_for",
        ]),
    ),
    (
        16,
        "a body that never comes",
        Here(&["resources::what_a_client_promises_is_not_waited_for_without_end"]),
    ),
    (17, "slow bodies over HTTP/3", NotYet(QUIC)),
    (18, "a flood of unknown challenges", NotYet(ACME)),
    (19, "0-RTT", NotYet(QUIC)),
    (
        20,
        "spellings of addresses",
        Here(&["forwarded::a_trusted_peer_is_believed_to_the_letter"]),
    ),
    (
        21,
        "an auth server that answers without end",
        Here(&["auth::an_answer_without_end_is_cut_off"]),
    ),
    (
        22,
        "users told apart by time",
        Here(&["auth::an_unknown_user_takes_as_long_as_a_known_one"]),
    ),
    (
        23,
        "digests of unknown users",
        Here(&["auth::digests_of_nobody_are_wrong"]),
    ),
    (
        24,
        "error pages that hear secrets",
        Here(&["auth::error_pages_hear_no_secrets"]),
    ),
    (25, "CONNECT", Here(&["http2::a_tunnel_is_never_opened"])),
    (
        26,
        "Upgrade: h2c",
        Here(&["upgrade::http2_is_not_tunnelled_past_the_rules"]),
    ),
    (
        27,
        "bytes behind an upgrade",
        Here(&[
            "upgrade::bytes_behind_an_upgrade_wait_for_its_101",
            "upgrade::a_server_switches_to_what_was_asked_for_or_not_at_all",
        ]),
    ),
    (28, "NTLM over HTTP/3", NotYet(QUIC)),
    (
        29,
        "hosts that two parsers read differently",
        Here(&[
            "head::hosts_have_one_grammar",
            "head::there_is_one_host_and_an_absolute_target_wins",
            "http2::targets_and_hosts_are_those_of_http1",
        ]),
    ),
    (
        30,
        "secrets in logs and the API",
        Here(&[
            "api::secrets_are_not_shown",
            "head::neither_log_nor_metrics_take_what_a_client_makes_up",
        ]),
    ),
    (
        31,
        "rules pasted together",
        Here(&["api::what_looks_like_a_rule_or_a_template_is_a_value"]),
    ),
    (
        32,
        "labels that name internal services",
        NotYet(
            "there is no provider of containers' labels, so everybody who writes routes is trusted",
        ),
    ),
    (
        33,
        "a gateway that routes to itself",
        NotYet(
            "routes that lead back come from the provider of containers, which is not there; --max-connections bounds a loop that a file makes",
        ),
    ),
    (
        34,
        "a path without a slash",
        Here(&["http2::targets_and_hosts_are_those_of_http1"]),
    ),
    (
        35,
        "Content-Length and Transfer-Encoding",
        Here(&["framing::length_and_coding_together_are_refused"]),
    ),
    (
        36,
        "lengths",
        Here(&[
            "framing::lengths_are_one_decimal_number",
            "framing::a_length_is_written_anew",
        ]),
    ),
    (
        37,
        "codings",
        Here(&["framing::the_only_coding_is_chunked_once"]),
    ),
    (
        38,
        "chunk sizes",
        Here(&["framing::chunk_sizes_are_hexadecimal_digits"]),
    ),
    (
        39,
        "chunk extensions",
        Here(&["framing::chunk_extensions_end_with_the_line_and_are_short"]),
    ),
    (
        40,
        "ends of chunks",
        Here(&["framing::chunks_end_where_their_size_says"]),
    ),
    (
        41,
        "line ends and control characters",
        Here(&["head::lines_end_in_cr_lf_and_hold_no_control_characters"]),
    ),
    (
        42,
        "folded fields",
        Here(&["head::folded_fields_are_refused"]),
    ),
    (
        43,
        "names of fields",
        Here(&["head::names_of_fields_are_tokens"]),
    ),
    (
        44,
        "hosts, targets, versions",
        Here(&[
            "head::there_is_one_host_and_an_absolute_target_wins",
            "head::request_lines_name_one_target_and_one_version",
            "http2::there_is_one_host_here_too",
        ]),
    ),
    (
        45,
        "Expect",
        Here(&["framing::what_is_expected_is_known_or_refused"]),
    ),
    (
        46,
        "bodies of methods without",
        Here(&["framing::bodies_where_none_are_usual_are_still_bodies"]),
    ),
    (
        47,
        "HTTP/2 made into HTTP/1",
        Here(&[
            "http2::what_http1_could_not_carry_is_refused",
            "http2::a_body_is_as_long_as_it_says",
        ]),
    ),
    (
        48,
        "answers that hold two",
        Here(&[
            "responses::an_answer_ends_where_it_ends",
            "responses::an_answer_to_head_has_no_body",
            "responses::interim_answers_and_heads_are_limited",
        ]),
    ),
    (
        49,
        "resets",
        Here(&[
            "http2::requests_that_are_taken_back_end_the_connection",
            "http2::resets_that_a_client_provokes_end_the_connection",
        ]),
    ),
    (
        50,
        "CONTINUATION",
        Here(&["http2::heads_without_end_end_the_connection"]),
    ),
    (
        51,
        "decoded fields",
        Here(&[
            "http2::decoded_fields_are_limited",
            "http2::streams_at_once_are_limited",
            "http2::a_client_that_reads_nothing_is_cut",
        ]),
    ),
    (
        52,
        "frames that make no sense",
        Here(&[
            "http2::frames_that_make_no_sense_end_the_connection_at_most",
            "http2::floods_of_small_frames_cost_no_memory",
        ]),
    ),
    (
        53,
        "slow and many",
        Here(&[
            "resources::a_head_has_a_deadline_however_it_drips",
            "resources::a_slow_upload_that_goes_on_lives",
            "resources::connections_are_limited_where_that_is_asked_for",
            "resources::many_connections_that_say_nothing_are_borne",
            "resources::a_connection_that_asks_and_asks_ends_in_the_end",
            "http2::a_client_that_reads_nothing_is_cut",
        ]),
    ),
    (54, "QUIC streams with gaps", NotYet(QUIC)),
    (
        55,
        "handshakes that break the library",
        Here(&["tls::records_that_are_none_end_the_connection"]),
    ),
    (
        56,
        "sessions resumed elsewhere",
        There(&[(
            "gateway/src/net/tls/options.rs",
            "a_ticket_is_of_no_use_with_other_options",
        )]),
    ),
    (
        57,
        "parameters and bytes that are no text",
        Here(&["path::parameters_and_other_bytes_hide_nothing"]),
    ),
    (
        58,
        "handshakes of megabytes",
        Here(&["head::heads_have_limits"]),
    ),
    (59, "frames of WebSocket", NotYet(STREAM)),
    (60, "compressed WebSocket messages", NotYet(STREAM)),
    (61, "WebSockets of other sites", NotYet(STREAM)),
    (62, "tokens", NotYet(STREAM)),
    (63, "names of streams", NotYet(STREAM)),
    (
        64,
        "text that clients put into logs and pages",
        Here(&[
            "head::neither_log_nor_metrics_take_what_a_client_makes_up",
            "api::names_are_shown_as_text",
        ]),
    ),
    (
        65,
        "series and parameters without end",
        Here(&[
            "head::neither_log_nor_metrics_take_what_a_client_makes_up",
            "head::heads_have_limits",
        ]),
    ),
    (
        66,
        "expressions and sizes",
        Here(&[
            "head::expressions_take_linear_time",
            "head::heads_have_limits",
        ]),
    ),
    (
        67,
        "pages that use the API",
        Here(&["api::nothing_is_changed_through_it"]),
    ),
    (
        68,
        "values expanded twice",
        Here(&["api::what_looks_like_a_rule_or_a_template_is_a_value"]),
    ),
    (
        69,
        "archives that climb",
        NotYet("no code is fetched at run time, and there are no plugins"),
    ),
];

#[test]
fn every_row_is_held_or_says_why_not() -> Result<()> {
    let numbers: Vec<u16> = ROWS.iter().map(|(number, ..)| *number).collect();
    ensure!(
        numbers == (1..=COUNT).collect::<Vec<_>>(),
        "rows are missing or out of order: {numbers:?}"
    );
    for (number, about, held) in ROWS {
        let row = || format!("row {number}, {about}");
        match held {
            Here(tests) => {
                ensure!(!tests.is_empty(), "{}: no test", row());
                for test in *tests {
                    let (module, function) = test.split_once("::").with_context(row)?;
                    is_test(&format!("tests/tests/hostile/{module}.rs"), function)
                        .with_context(row)?;
                }
            }
            There(tests) => {
                for (file, function) in *tests {
                    is_test(file, function).with_context(row)?;
                }
            }
            NotYet(why) => ensure!(!why.is_empty(), "{}: no reason", row()),
        }
    }
    Ok(())
}

fn is_test(file: &str, function: &str) -> Result<()> {
    let source = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
    let at = source
        .find(&format!("fn {function}()"))
        .with_context(|| format!("{file} has no {function}"))?;
    let before = source.get(..at).unwrap_or_default();
    let attribute = before.trim_end().trim_end_matches("async").trim_end();
    ensure!(
        attribute.ends_with("test]"),
        "{function} of {file} is no test"
    );
    Ok(())
}
