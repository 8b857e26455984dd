//! What operators look at and are woken by is measured: the dashboard's queries, and the README's alerts.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    client,
    running::{Running, until_applied},
    site::Site,
};

const DASHBOARD: &str = include_str!("../dashboard.json");
const README: &str = include_str!("../../README.md");

crate::cases!(
    a_dashboard_asks_for_what_is_measured,
    an_alert_is_about_what_is_measured,
);

async fn a_dashboard_asks_for_what_is_measured(site: &Site) -> Result<()> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let mut asked = BTreeSet::new();
    queries(&dashboard, &mut |query| asked.extend(metrics(query)));
    ensure!(asked.len() > 20, "{asked:?}");
    all_are_served(site, asked).await
}

async fn an_alert_is_about_what_is_measured(site: &Site) -> Result<()> {
    let alerts = README
        .split("\n\n")
        .find(|part| part.starts_with("Alert on "));
    let words = alerts.context("no paragraph on alerts")?.split('`');
    let named = words.skip(1).step_by(2).filter(|word| word.contains('_'));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    ensure!(named.len() > 3, "{named:?}");
    all_are_served(site, named).await
}

/// By whichever role. A family with labels shows up with its first member: one bid counts, and one does not.
async fn all_are_served(site: &Site, asked: BTreeSet<String>) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let relay = Running::ready(site, "relay", &[]).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let auction = client::open_auction(&api).await?;
    for (amount, expected) in [(500, 201), (400, 422)] {
        let (status, answer) = client::place(&api, &auction, "ann", amount).await?;
        ensure!(status == expected, "{status} {answer}");
    }
    until_applied(site, 1).await?;
    let mut served = BTreeSet::new();
    for role in [&api, &relay, &consumer] {
        let metrics = client::http()?.get(role.url("/metrics")).send().await?;
        let metrics = metrics.error_for_status()?.text().await?;
        let samples = metrics.lines().filter(|line| !line.starts_with('#'));
        let names = samples.filter_map(|line| line.split(['{', ' ']).next());
        served.extend(names.map(str::to_owned));
    }
    let missing: Vec<_> = asked.difference(&served).collect();
    ensure!(missing.is_empty(), "nobody serves {missing:?}");
    Ok(())
}

/// The queries of panels, and of the variables above them.
fn queries(part: &Value, found: &mut impl FnMut(&str)) {
    match part {
        Value::Array(parts) => parts.iter().for_each(|part| queries(part, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("expr", Value::String(query)) => found(query),
                    ("query", Value::String(query)) if query.starts_with("label_values(") => {
                        // The second argument is a label.
                        found(query.split(',').next().unwrap_or_default());
                    }
                    _ => queries(field, found),
                }
            }
        }
        _ => {}
    }
}

/// The metrics that a query is about: its words but for functions, operators and grouping labels, outside of matchers and
/// ranges.
fn metrics(query: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(|sign: char| !sign.is_whitespace()) {
        rest = &rest[start..];
        let word = |sign: char| sign.is_ascii_alphanumeric() || "_:.".contains(sign);
        let end = rest.find(|sign| !word(sign)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end.max(1));
        rest = behind;
        let closing = match name {
            "{" => "}",
            "[" => "]",
            "by" | "without" | "on" | "ignoring" => ")",
            _ => "",
        };
        if let Some(inside) = rest.find(closing).filter(|_| !closing.is_empty()) {
            rest = &rest[inside + 1..];
        } else if name.starts_with(|sign: char| sign.is_ascii_lowercase())
            && !["(", "by", "without"]
                .iter()
                .any(|after| rest.trim_start().starts_with(after))
            && !["by", "without", "and", "or", "unless", "bool", "offset"].contains(&name)
        {
            names.push(name.to_owned());
        }
    }
    names
}
