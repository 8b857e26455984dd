use super::*;

fn row(text: &str) -> Row {
    match line(text) {
        Ok(Line::Row(row)) => row,
        other => panic!("{text:?} is {other:?}"),
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn columns(of: &[(&str, Value)]) -> Vec<Column> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn expected_in(text: &str) -> &'static str {
    line(text).expect_err("not understood").expected
}

#[test]
fn a_transaction_begins_and_commits_at_a_time() {
    assert_eq!(line("BEGIN 741").unwrap(), Line::Begin { xid: 741 });
    let commit = |at_us| Line::Commit { xid: 741, at_us };
    assert_eq!(
        line("COMMIT 741 (at 2026-11-25 17:02:24.25896+00)").unwrap(),
        commit(1_795_626_144_258_960)
    );
    assert_eq!(
        line("COMMIT 741 (at 2026-11-25 22:32:24+05:30)").unwrap(),
        commit(1_795_626_144_000_000)
    );
}

#[test]
fn an_inserted_row_has_numbers_quotes_line_breaks_and_nulls() {
    let found = row(
        "table public.orders: INSERT: bid_id[uuid]:'22' user_id[text]:'u''1\nx: y[z]:1' amount[bigint]:-5 \
         placed_at[timestamp with time zone]:'2026-11-25 17:02:24.2+00' note[text]:null draining[boolean]:false",
    );
    assert_eq!(found.op, Operation::Insert);
    assert_eq!(
        (found.table.schema.as_str(), found.table.name.as_str()),
        ("public", "orders")
    );
    assert_eq!(
        found.columns,
        columns(&[
            ("bid_id", text("22")),
            ("user_id", text("u'1\nx: y[z]:1")),
            ("amount", text("-5")),
            ("placed_at", text("2026-11-25 17:02:24.2+00")),
            ("note", Value::Null),
            ("draining", text("false")),
        ])
    );
}

#[test]
fn the_text_null_is_not_null() {
    let found = row("table public.a: INSERT: x[text]:'null' y[text]:'unchanged-toast-datum'");
    assert_eq!(
        found.columns,
        columns(&[("x", text("null")), ("y", text("unchanged-toast-datum"))])
    );
}

#[test]
fn arrays_bits_quoted_names_and_quoted_types_are_read() {
    let found = row(
        "table \"Odd.one\".\"a \"\"b\": INSERT: \"position\"[bigint]:1 a[text[]]:'{a,\"b c\"}' c[bit]:B'101' \
         d[\"my ]: type\"]:'x' e[double precision]:NaN",
    );
    assert_eq!(
        (found.table.schema.as_str(), found.table.name.as_str()),
        ("Odd.one", "a \"b")
    );
    assert_eq!(
        found.columns,
        columns(&[
            ("position", text("1")),
            ("a", text("{a,\"b c\"}")),
            ("c", text("101")),
            ("d", text("x")),
            ("e", text("NaN")),
        ])
    );
}

#[test]
fn an_update_may_leave_what_is_stored_aside_and_change_the_key() {
    let found =
        row("table public.t: UPDATE: id[integer]:1 x[text]:unchanged-toast-datum y[integer]:2");
    assert_eq!((found.op, found.old_key.len()), (Operation::Update, 0));
    assert_eq!(found.columns[1], ("x".to_owned(), Value::Unchanged));
    let found = row(
        "table public.t: UPDATE: old-key: id[uuid]:'1' new-tuple: id[uuid]:'2' y[text]:' new-tuple:'",
    );
    assert_eq!(found.old_key, columns(&[("id", text("1"))]));
    assert_eq!(
        found.columns,
        columns(&[("id", text("2")), ("y", text(" new-tuple:"))])
    );
}

#[test]
fn a_deleted_row_has_its_key_and_emptied_tables_their_names() {
    let found = row("table public.t: DELETE: id[uuid]:'1'");
    assert_eq!(
        (found.op, found.columns),
        (Operation::Delete, columns(&[("id", text("1"))]))
    );
    assert_eq!(row("table public.t: DELETE: (no-tuple-data)").columns, []);
    match line("table public.a, public.b: TRUNCATE: restart_seqs cascade") {
        Ok(Line::Truncate(tables)) => assert_eq!(tables[1].name, "b"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        line("table public.a: TRUNCATE: (no-flags)"),
        Ok(Line::Truncate(_))
    ));
}

#[test]
fn a_message_is_kept_as_it_is() {
    let said = "transactional: 1 prefix: ledger, sz: 3 content:end";
    assert_eq!(
        line(&format!("message: {said}")).unwrap(),
        Line::Message(said.to_owned())
    );
}

#[test]
fn what_is_not_understood_is_said() {
    assert_eq!(
        expected_in("streaming block"),
        "BEGIN, COMMIT, table or message"
    );
    assert_eq!(expected_in("BEGIN"), "BEGIN, COMMIT, table or message");
    assert_eq!(expected_in("BEGIN x"), "a transaction's number");
    assert_eq!(expected_in("COMMIT 7"), "the time of the commit");
    assert_eq!(
        expected_in("COMMIT 7 (at noon)"),
        "a time with an offset from UTC"
    );
    assert_eq!(
        expected_in("table public.t: MERGE: a[int]:1"),
        "INSERT, UPDATE, DELETE or TRUNCATE"
    );
    assert_eq!(
        expected_in("table public.t: UPDATE: (no-tuple-data)"),
        "a name"
    );
    assert_eq!(expected_in("table public.t: INSERT:"), "a column");
    assert_eq!(
        expected_in("table public.t: INSERT: a[text]:'open"),
        "a closing quote"
    );
    assert_eq!(
        expected_in("table public.t: INSERT: a[text]:'x'y"),
        "the end of the line"
    );
    assert_eq!(
        expected_in("table public.t: INSERT: a[integer]:"),
        "a value"
    );
    assert_eq!(
        expected_in("table public.a, public.b: DELETE: a[text]:'x'"),
        "TRUNCATE, which alone has several tables"
    );
    assert_eq!(
        expected_in("table public.t: UPDATE: old-key: a[text]:'x'"),
        "the new tuple after the old key"
    );
    let said = line("BEGIN x").expect_err("not understood").to_string();
    assert_eq!(
        said,
        "test_decoding printed \"BEGIN x\", which is not understood: expected a transaction's number at \"x\""
    );
}
