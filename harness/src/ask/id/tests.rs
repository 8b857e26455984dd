use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any},
    prop_assert, prop_assert_eq, proptest,
};

use super::*;

fn ids() -> impl Strategy<Value = Id> {
    (any::<u64>(), any::<u16>(), any::<u32>()).prop_map(|(seed, key, number)| Id {
        run: Run::of(seed),
        key,
        number,
    })
}

fn an_id() -> Id {
    Id {
        run: Run::of(7),
        key: 17,
        number: 4711,
    }
}

fn ours(bytes: &[u8], run: Run) -> Vec<Id> {
    let found = found_in(bytes, run).into_iter();
    found
        .map(|found| match found.what {
            What::Ours(id) => id,
            other => panic!("{other:?}"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_uuid_is_of_version_4_and_carries_its_operation(id in ids()) {
        let uuid = id.uuid();
        prop_assert_eq!(uuid.get_version_num(), 4);
        prop_assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        prop_assert_eq!(ours(uuid.to_string().as_bytes(), id.run), [id]);
    }

    #[test]
    fn a_token_is_40_lower_case_letters_and_digits_and_begins_with_a_letter(id in ids()) {
        let token = id.token();
        prop_assert_eq!(token.len(), 40);
        prop_assert!(token.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit()));
        prop_assert!(token.as_bytes()[0].is_ascii_lowercase());
        prop_assert_eq!(ours(token.as_bytes(), id.run), [id]);
        prop_assert_eq!(ours(token.to_uppercase().as_bytes(), id.run), [id]);
    }

    #[test]
    fn a_number_has_19_digits_and_grows_with_the_operations_number(
        id in ids(), other_key in any::<u16>(), number in 0..NUMBERS - 1
    ) {
        let id = Id { number, ..id };
        let next = Id { number: number + 1, key: other_key, ..id };
        let value = id.number().unwrap();
        prop_assert!(value > 0 && value.to_string().len() == 19);
        prop_assert!(value < next.number().unwrap());
        prop_assert_eq!(ours(format!("{{\"amount\":{value}}}").as_bytes(), id.run), [id]);
        prop_assert_eq!(Id { number: NUMBERS, ..id }.number(), None);
    }

    #[test]
    fn an_id_is_found_as_text_in_any_case_with_hyphens_or_without(
        id in ids(), before in "[ -~]{0,9}", after in "[ -~]{0,9}", upper in any::<bool>(), hyphens in any::<bool>()
    ) {
        let uuid = id.uuid();
        let text = if hyphens { uuid.hyphenated().to_string() } else { uuid.simple().to_string() };
        let text = if upper { text.to_uppercase() } else { text };
        let message = format!("{before}{text}{after}");
        prop_assert_eq!(ours(message.as_bytes(), id.run), [id]);
    }

    #[test]
    fn an_id_is_found_in_json_and_in_json_within_a_string_of_json(id in ids(), token in any::<bool>()) {
        let text = if token { id.token() } else { id.uuid().to_string() };
        let inner = serde_json::json!({ "order": text, "note": "a \"quoted\" word" });
        prop_assert_eq!(ours(inner.to_string().as_bytes(), id.run), [id]);
        let outer = serde_json::json!({ "payload": inner.to_string() });
        prop_assert_eq!(ours(outer.to_string().as_bytes(), id.run), [id]);
    }

    #[test]
    fn an_id_is_found_as_bytes_among_others_in_either_order(
        id in ids(), before in vec(any::<u8>(), 0..40), after in vec(any::<u8>(), 0..40), dotnet in any::<bool>()
    ) {
        let own = if dotnet { id.uuid().to_bytes_le() } else { id.uuid().into_bytes() };
        // As protobuf has it: a tag and a length in front.
        let message = [&before[..], &[0x0a, 16], &own, &after].concat();
        prop_assert_eq!(ours(&message, id.run), [id]);
    }

    #[test]
    fn an_id_is_found_within_base64_wherever_it_begins_there(
        id in ids(), before in vec(any::<u8>(), 0..9), bytes in any::<bool>(), url_safe in any::<bool>(), glued in "[a-z/]{0,5}"
    ) {
        let own = if bytes { id.uuid().into_bytes().to_vec() } else { id.uuid().to_string().into_bytes() };
        let wrapped = [&before[..], &own].concat();
        let text = if url_safe { URL_SAFE_NO_PAD.encode(wrapped) } else { STANDARD.encode(wrapped) };
        let message = format!("{{\"payload\":\"{glued}{text}\"}}");
        prop_assert_eq!(ours(message.as_bytes(), id.run), [id]);
        let slashes_escaped = message.replace('/', "\\/");
        prop_assert_eq!(ours(slashes_escaped.as_bytes(), id.run), [id]);
    }

    #[test]
    fn an_id_is_found_in_the_hexadecimal_of_what_has_it(id in ids(), before in "[ -~]{0,9}", glued in "[0-9a-f]{0,3}") {
        let content = format!("{before}{{\"order\":\"{}\"}}", id.uuid());
        let hex: String = content.bytes().map(|byte| format!("{byte:02x}")).collect();
        let row = format!("{{\"payload\":\"\\\\x{glued}{hex}\"}}");
        prop_assert_eq!(ours(row.as_bytes(), id.run), [id]);
    }

    #[test]
    fn each_spelling_of_an_id_leads_back_to_it(id in ids(), number in 0..NUMBERS) {
        let id = Id { number, ..id };
        let all = id.spellings();
        prop_assert!(all.contains(&id.uuid().to_string()) && all.contains(&id.number().unwrap().to_string()));
        for spelling in all {
            prop_assert_eq!(ours(spelling.as_bytes(), id.run), [id], "{}", spelling);
        }
    }

    #[test]
    fn another_runs_id_is_told_from_ones_own(id in ids(), other in any::<u64>()) {
        let run = Run::of(other);
        for text in [id.uuid().to_string(), id.token()] {
            let found = found_in(text.as_bytes(), run);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&found[0].what, &What::OtherRun(id));
        }
    }

    #[test]
    fn an_id_of_which_a_bit_was_changed_is_damaged_and_never_another_operation(id in ids(), bit in 0..128_u32) {
        let changed = uuid::Uuid::from_u128(id.uuid().as_u128() ^ (1 << bit));
        let found = found_in(changed.to_string().as_bytes(), id.run);
        let whats: Vec<What> = found.into_iter().map(|found| found.what).collect();
        let has_the_form = changed.get_version_num() == 4 && changed.get_variant() == uuid::Variant::RFC4122;
        if has_the_form && bit >= 40 {
            prop_assert_eq!(whats, [What::Damaged(changed.to_string())]);
        } else {
            prop_assert!(whats.iter().all(|what| matches!(what, What::Damaged(_))), "{:?}", whats);
        }
    }
}

#[test]
fn a_message_with_several_ids_has_them_all() {
    let all: Vec<Id> = (0..5).map(|number| Id { number, ..an_id() }).collect();
    let texts: Vec<String> = all.iter().map(|id| id.uuid().to_string()).collect();
    let batch = serde_json::to_vec(&texts).unwrap();
    assert_eq!(ours(&batch, an_id().run), all);
}

#[test]
fn what_was_found_says_its_form_and_what_it_was_wrapped_in() {
    let id = an_id();
    let places = |bytes: &[u8]| {
        let found = found_in(bytes, id.run);
        assert_eq!(found.len(), 1);
        (found[0].form, found[0].inside)
    };
    let text = id.uuid().to_string();
    let wrapped = STANDARD.encode(&text);
    assert_eq!(places(text.as_bytes()), (Form::Text, Inside::Nothing));
    assert_eq!(places(id.uuid().as_bytes()), (Form::Bytes, Inside::Nothing));
    assert_eq!(
        places(id.token().as_bytes()),
        (Form::Token, Inside::Nothing)
    );
    assert_eq!(places(wrapped.as_bytes()), (Form::Text, Inside::Base64));
    let digits = id.number().unwrap().to_string();
    assert_eq!(places(digits.as_bytes()), (Form::Number, Inside::Nothing));
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(places(digits.as_bytes()), (Form::Text, Inside::Hex));
    let coded = text.replace('-', "\\u002d");
    assert_eq!(places(coded.as_bytes()), (Form::Text, Inside::Escapes));
}

/// The chance is two in a million, and none of the run's own: the bytes are the same each time, so that this holds always.
#[test]
fn a_megabyte_of_noise_holds_no_id() {
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..1 << 17)
        .flat_map(|_| {
            state = digest(b"noise", &[state]);
            state.to_le_bytes()
        })
        .collect();
    assert_eq!(found_in(&noise, an_id().run), []);
    assert_eq!(
        found_in(STANDARD.encode(&noise).as_bytes(), an_id().run),
        []
    );
    let hex: String = noise[..1 << 16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(found_in(hex.as_bytes(), an_id().run), []);
}

/// As wide as it is said to be: of random checksums so many pass as their width says. 2^34 cannot be tried; that a number's
/// 23 bits are passed once in 2^23 can, and what draws them draws the others.
#[test]
fn a_checksum_is_passed_as_often_as_its_width_says() {
    let tried = 1_u64 << 25;
    let passed = (0..tried)
        .filter(|index| {
            let bits = (1 << 62) | (digest(b"tried", &[*index]) >> 2);
            packed::read_number(bits, an_id().run).is_some()
        })
        .count();
    assert!((1..=12).contains(&passed), "{passed} of {tried}; 4 are due");
}

/// Stored histories are read by later labs.
#[test]
fn the_forms_never_change() {
    let id = an_id();
    assert_eq!(id.run.to_string(), "3878c16cea");
    assert_eq!(
        id.uuid().to_string(),
        "3ca51a9b-76ff-48e0-9b7a-f33878c16cea"
    );
    assert_eq!(id.token(), "lsqrtxdhe5crkwpwtqp6dswcxhww3rjchb4mc3hk");
    assert_eq!(id.number(), Some(4614275918209918065));
    assert_eq!(id.key_text(), "00017");
}
