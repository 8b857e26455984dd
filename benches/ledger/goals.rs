//! What the figures are to reach, and what keeps those from it that do not.

use comfy_table::Table;

use super::{Ledger, number};

/// What a figure is to reach.
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One line of the table of goals.
struct Goal {
    figure: &'static str,
    measured: Option<f64>,
    bound: Bound,
    unit: &'static str,
    /// What this run shows of the reason when it is not reached.
    limit: Option<String>,
}

impl Goal {
    fn limited_by(mut self, limit: Option<String>) -> Self {
        self.limit = limit;
        self
    }

    fn is_met(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.bound {
            Bound::AtLeast(bound) => measured >= bound,
            Bound::AtMost(bound) => measured <= bound,
        })
    }

    fn row(&self) -> [String; 4] {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => (">=", bound),
            Bound::AtMost(bound) => ("<=", bound),
        };
        let measured = self.measured.map_or_else(String::new, |value| {
            format!("{}{}", number(value), self.unit)
        });
        let word = match (self.is_met(), &self.limit) {
            (Some(true), _) => "met".to_owned(),
            (Some(false), Some(limit)) => format!("NOT MET: {limit}"),
            (Some(false), None) => "NOT MET".to_owned(),
            (None, _) => "not measured".to_owned(),
        };
        let bound = format!("{sign} {}{}", number(bound), self.unit);
        [self.figure.to_owned(), measured, bound, word]
    }
}

/// The table of goals.
pub(super) fn table(ledger: &Ledger) -> Table {
    let mut table = super::table(["goal", "measured", "to reach", ""]);
    for goal in goals(ledger) {
        table.add_row(goal.row());
    }
    table
}

/// Two figures that both had the processors busy can have no other ratio than their costs.
fn costs(ledger: &Ledger, this: &str, that: &str) -> Option<String> {
    let (this, that) = (ledger.cost(this)?, ledger.cost(that)?);
    Some(format!(
        "processors {:.0} % busy; {} us of them each, beside {}",
        this.busy_percent,
        number(this.micros),
        number(that.micros),
    ))
}

/// What a drain costs beside what nobody can leave out.
fn drain_costs(ledger: &Ledger) -> Option<String> {
    let costs = costs(ledger, "drain/one relay", "drain/raw publish")?;
    let database = ledger.cost("drain/claim and mark")?;
    Some(format!(
        "{costs} for publishing and {} for claiming and marking alone",
        number(database.micros)
    ))
}

fn way(ledger: &Ledger) -> Option<String> {
    let way = ledger.median("idle/commit to the consumer's begin, ms")?;
    let transaction = ledger.median("idle/the consumer's transaction, ms")?;
    Some(format!(
        "{} ms to the consumer, {} ms in its transaction",
        number(way),
        number(transaction)
    ))
}

fn busy(ledger: &Ledger, figure: &str) -> Option<String> {
    let cost = ledger.cost(figure)?;
    Some(format!(
        "processors {:.0} % busy at that rate",
        cost.busy_percent
    ))
}

fn goals(ledger: &Ledger) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let ratio = |this: &str, that: &str| ledger.ratio(this, that);
    let quantile = |figure: &str, quantile: f64| {
        let all = &ledger.latencies.get(figure)?.all;
        Some(all.value_at_quantile(quantile) as f64 / 1_000.0)
    };
    let goal = |figure, measured, bound, unit| Goal {
        figure,
        measured,
        bound,
        unit,
        limit: None,
    };
    let far = ["scale/claim at 10 M, ms", "scale/claim at 1 M, ms"]
        .into_iter()
        .find(|figure| ledger.samples.contains_key(figure));
    let claims = far.and_then(|far| ratio(far, "scale/claim at 100 k, ms"));
    // As much trouble as this run has measured, beside none.
    let trouble = |doing: &str, what: &str| {
        let figure = |size: &str| format!("trouble/{doing}, {size} {what}, ms");
        let all = [figure("1 M"), figure("100 k")];
        let most = all
            .into_iter()
            .find(|most| ledger.samples.contains_key(most.as_str()))?;
        ratio(&most, &figure("0"))
    };
    let idle = "latency/idle, commit to applied";
    vec![
        goal(
            "drain, one relay / raw confirmed publish",
            ratio("drain/one relay", "drain/raw publish"),
            AtLeast(0.7),
            "",
        )
        .limited_by(drain_costs(ledger)),
        goal(
            "drain / textbook relay",
            ratio("drain/one relay", "drain/textbook"),
            AtLeast(20.0),
            "",
        ),
        goal(
            "two relays / one relay",
            ratio("drain/two relays", "drain/one relay"),
            AtLeast(0.95),
            "",
        ),
        goal(
            "idle, commit to applied, p50",
            quantile(idle, 0.5),
            AtMost(3.0),
            " ms",
        )
        .limited_by(way(ledger)),
        goal(
            "idle, commit to applied, p99",
            quantile(idle, 0.99),
            AtMost(15.0),
            " ms",
        ),
        goal(
            "half the drain rate, p99",
            quantile("latency/half the drain rate", 0.99),
            AtMost(25.0),
            " ms",
        )
        .limited_by(busy(ledger, "latency/half the drain rate")),
        goal(
            "intake over HTTP / pgbench, 32 clients",
            ratio("intake/HTTP, 32 clients", "intake/pgbench, 32 clients"),
            AtLeast(0.6),
            "",
        ),
        goal(
            "consumer / bare consumer",
            ratio("consumer/applied", "consumer/bare"),
            AtLeast(0.5),
            "",
        )
        .limited_by(costs(ledger, "consumer/applied", "consumer/bare")),
        goal(
            "drain, xmin pinned / free",
            ratio("drain/xmin pinned", "drain/one relay"),
            AtLeast(0.9),
            "",
        ),
        goal(
            if far == Some("scale/claim at 10 M, ms") {
                "claim time, 10 M / 100 k pending"
            } else {
                "claim time, 1 M / 100 k pending (10 M without --quick)"
            },
            claims,
            AtMost(1.2),
            "",
        ),
        goal(
            "claim time beside held events",
            trouble("claim", "held"),
            AtMost(1.3),
            "",
        ),
        goal(
            "claim time beside other relays' events",
            trouble("claim", "of others"),
            AtMost(1.3),
            "",
        ),
        goal(
            "claim time beside dead rows",
            trouble("claim", "dead"),
            AtMost(1.3),
            "",
        ),
        goal(
            "time to apply beside parked bids",
            trouble("a thousand applied", "parked"),
            AtMost(1.3),
            "",
        ),
        goal(
            "relay's peak RSS, 1 M backlog",
            ledger.median("memory/relay with 1 M waiting, MiB"),
            AtMost(64.0),
            " MiB",
        ),
        goal(
            "drain over taps that read / over none",
            ratio("taps/unarmed", "taps/none"),
            AtLeast(0.95),
            "",
        )
        .limited_by(costs(ledger, "taps/unarmed", "taps/none")),
        goal(
            "drain over armed taps / over taps that read",
            ratio("taps/armed", "taps/unarmed"),
            AtLeast(0.95),
            "",
        )
        .limited_by(costs(ledger, "taps/armed", "taps/unarmed")),
        goal(
            "idle: statements a second, busiest role",
            ledger.median("idle/statements a second"),
            AtMost(2.0),
            "/s",
        ),
        goal(
            "idle: CPU, busiest role",
            ledger.median("idle/CPU percent"),
            AtMost(0.5),
            " %",
        ),
    ]
}
