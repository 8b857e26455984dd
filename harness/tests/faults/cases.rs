//! The cases, as what their stories break.

/// A story of the toy.
pub struct Case {
    /// A sentence.
    pub name: &'static str,
    /// Its `[[fault]]`s.
    faults: &'static str,
    /// What was counted of it.
    pub bites: &'static str,
    /// What the verdict's reason has in it.
    pub says: &'static str,
}

impl Case {
    /// The whole story.
    pub fn story(&self) -> String {
        format!(
            "story = 'told'\nworkload = {{ keys = 4, writes = '60/s for 4s' }}\nexpect = {{ recovered_within = '30s' }}\n{}",
            self.faults
        )
    }
}

const fn bites(name: &'static str, faults: &'static str, bites: &'static str) -> Case {
    Case {
        name,
        faults,
        bites,
        says: "",
    }
}

const fn broken(name: &'static str, faults: &'static str, says: &'static str) -> Case {
    Case {
        name,
        faults,
        bites: "",
        says,
    }
}

/// What bites.
pub const BITES: [Case; 18] = [
    bites(
        "a_frozen_broker_leaves_publishes_waiting",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'freeze'\nat = '1s'\nfor = '1500ms'",
        "left_waiting",
    ),
    bites(
        "a_disk_alarm_blocks_who_publishes",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'disk alarm'\nat = '500ms'\nfor = '1500ms'",
        "connections_blocked",
    ),
    bites(
        "a_deleted_queue_is_there_again",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'delete queue'\nat = '1s'\nfor = '1s'",
        "messages_returned",
    ),
    bites(
        "a_deleted_exchange_is_there_again",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'delete exchange'\nat = '1s'\nfor = '1s'",
        "channels_closed",
    ),
    bites(
        "revoked_permissions_are_given_back",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'revoke permissions'\nat = '1s'\nfor = '1s'",
        "connections_closed 2",
    ),
    bites(
        "an_operator_closes_what_is_the_target_s",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'close connections'\nat = '1s'\nfor = '100ms'",
        "connections_closed 2",
    ),
    bites(
        "old_messages_come_again",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'republish'\nat = '500ms'\nfor = '100ms'",
        "messages_sent_again",
    ),
    bites(
        "a_stopped_database_severs_its_sessions",
        "[[fault]]\nprocess = 'postgres'\ndo = 'stop'\nat = '1s'\nfor = '1s'",
        "connections_severed",
    ),
    bites(
        "a_frozen_database_leaves_statements_waiting",
        "[[fault]]\nprocess = 'postgres'\ndo = 'freeze'\nat = '1s'\nfor = '1s'",
        "left_waiting",
    ),
    bites(
        "terminated_sessions_are_counted",
        "[[fault]]\nprocess = 'postgres'\ndo = 'end sessions'\nat = '1s'\nfor = '100ms'",
        "sessions_ended",
    ),
    bites(
        "taken_connections_are_given_back",
        "[[fault]]\nprocess = 'postgres'\ndo = 'take connections'\nat = '1s'\nfor = '1s'",
        "sessions_ended",
    ),
    bites(
        "refused_logins_are_taken_again",
        "[[fault]]\nprocess = 'postgres'\ndo = 'refuse logins'\nat = '1s'\nfor = '1s'",
        "sessions_ended",
    ),
    bites(
        "a_read_only_database_refuses_transactions",
        "[[fault]]\nprocess = 'postgres'\ndo = 'set default_transaction_read_only = on'\nat = '1s'\nfor = '1s'",
        "statements_refused",
    ),
    bites(
        "a_statement_timeout_refuses_transactions",
        "[[fault]]\nedge = 'client -> postgres'\ndo = 'latency 20ms'\nat = '0s'\n\
         [[fault]]\nprocess = 'postgres'\ndo = 'set statement_timeout = 1ms'\nat = '500ms'\nfor = '2s'",
        "statements_refused",
    ),
    bites(
        "who_thinks_within_a_transaction_is_put_out",
        "[[fault]]\nedge = 'client -> postgres'\ndo = 'latency 20ms'\nat = '0s'\n\
         [[fault]]\nprocess = 'postgres'\ndo = 'set idle_in_transaction_session_timeout = 1ms'\nat = '500ms'\nfor = '2s'",
        "statements_refused",
    ),
    bites(
        "a_snapshot_grows_old_and_is_let_go",
        "[[fault]]\nprocess = 'postgres'\ndo = 'hold a snapshot'\nat = '500ms'\nfor = '2s'",
        "transactions_since",
    ),
    bites(
        "a_locked_outbox_keeps_statements_waiting",
        "[[fault]]\nprocess = 'postgres'\ndo = 'lock the outbox'\nat = '1s'\nfor = '1s'",
        "statements_kept_waiting",
    ),
    bites(
        "a_power_cut_takes_nothing_that_was_flushed",
        POWER_CUT,
        "connections_severed",
    ),
];

/// What the judge must find: a server that promises and does not flush.
pub const LOST: [Case; 1] = [broken(
    "a_power_cut_takes_what_was_acknowledged_and_never_flushed",
    POWER_CUT_WITHOUT_FSYNC,
    "durable",
)];

const POWER_CUT: &str = "[[fault]]\nprocess = 'postgres'\ndo = 'cut power'\nat = '2s'\nfor = '1s'";
const POWER_CUT_WITHOUT_FSYNC: &str = "[[fault]]\nprocess = 'postgres'\ndo = 'cut power'\nat = '2s'\nfor = '1s'\n\
     [system]\npostgres = { fsync = 'off' }";

/// What cannot bite, or bites nobody.
pub const BROKEN: [Case; 7] = [
    broken(
        "a_queue_that_is_not_there_cannot_be_deleted",
        "[[fault]]\nprocess = 'consumer'\ndo = 'kill'\nat = '200ms'\nfor = '7s'\n\
         [[fault]]\nprocess = 'rabbitmq'\ndo = 'delete queue'\nat = '500ms'\nfor = '500ms'",
        "were not read within",
    ),
    broken(
        "a_setting_that_changes_nothing_is_none",
        "[[fault]]\nprocess = 'postgres'\ndo = 'set default_transaction_isolation = read committed'\nat = '1s'\nfor = '500ms'",
        "as it was before",
    ),
    broken(
        "a_setting_that_refuses_nobody_bites_nobody",
        "[[fault]]\nprocess = 'postgres'\ndo = 'set statement_timeout = 1h'\nat = '1s'\nfor = '500ms'",
        "did not bite",
    ),
    broken(
        "where_nobody_is_connected_no_connection_is_closed",
        "[[fault]]\nprocess = 'relay'\ndo = 'kill'\nat = '200ms'\nfor = '4s'\n\
         [[fault]]\nprocess = 'consumer'\ndo = 'kill'\nat = '200ms'\nfor = '4s'\n\
         [[fault]]\nprocess = 'rabbitmq'\ndo = 'close connections'\nat = '1s'\nfor = '100ms'",
        "did not bite",
    ),
    broken(
        "a_process_that_is_dead_has_no_files_to_lose",
        "[[fault]]\nprocess = 'relay'\ndo = 'kill'\nat = '200ms'\nfor = '4s'\n\
         [[fault]]\nprocess = 'relay'\ndo = 'no files'\nat = '1s'\nfor = '500ms'",
        "has no connection that it could lose",
    ),
    broken(
        "a_message_that_never_passes_starts_no_fault",
        "[[fault]]\nprocess = 'rabbitmq'\ndo = 'close connections'\nwhen = { edge = 'relay -> rabbitmq', event = 'publish', nth = 100000 }",
        "never passed",
    ),
    broken(
        "what_nobody_publishes_cannot_be_published_again",
        WITHOUT_RELAY_AND_REPUBLISH,
        "did not bite",
    ),
];

const WITHOUT_RELAY_AND_REPUBLISH: &str = "[[fault]]\nprocess = 'relay'\ndo = 'kill'\nat = '200ms'\nfor = '6s'\n\
     [[fault]]\nprocess = 'rabbitmq'\ndo = 'republish'\nat = '1s'\nfor = '100ms'";
