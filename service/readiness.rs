//! Whether this process can work, and if not, why. Each dependency's owner keeps its own entry current; liveness is a
//! different question, and a dependency that is away never answers it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

/// The dependencies of a process. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Condition>>>);

/// How one dependency is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Condition {
    /// Whether it can be used.
    pub ready: bool,
    /// Why not, or what is amiss all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to "can you work?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Whether every dependency can be used.
    pub ready: bool,
    /// Each of them by name.
    #[schema(value_type = std::collections::HashMap<String, Condition>)]
    pub dependencies: BTreeMap<&'static str, Condition>,
}

/// The right to say how one dependency is doing.
#[derive(Clone, Debug)]
pub struct Dependency {
    name: &'static str,
    of: Readiness,
}

impl Readiness {
    /// Adds a dependency, if it is new; it is not ready until its owner says so.
    pub fn depend_on(&self, name: &'static str) -> Dependency {
        let unknown = Condition {
            ready: false,
            reason: Some("not connected yet".to_owned()),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name).or_insert(unknown);
        Dependency {
            name,
            of: self.clone(),
        }
    }

    /// How everything is doing.
    pub fn report(&self) -> Report {
        let dependencies = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Report {
            ready: dependencies.values().all(|condition| condition.ready),
            dependencies,
        }
    }
}

impl Dependency {
    /// It can be used.
    pub fn up(&self) {
        self.set(Condition {
            ready: true,
            reason: None,
        });
    }

    /// It can be used, and somebody should know of `reason`.
    pub fn up_although(&self, reason: impl Into<String>) {
        self.set(Condition {
            ready: true,
            reason: Some(reason.into()),
        });
    }

    /// It cannot be used, because of `reason`.
    pub fn down(&self, reason: impl Into<String>) {
        self.set(Condition {
            ready: false,
            reason: Some(reason.into()),
        });
    }

    fn set(&self, condition: Condition) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.name, condition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_everything_is() {
        let readiness = Readiness::default();
        assert!(readiness.report().ready, "nothing needed, nothing missing");
        let postgres = readiness.depend_on("postgres");
        let broker = readiness.depend_on("rabbitmq");
        postgres.up();
        assert!(!readiness.report().ready, "the broker has not reported");
        broker.up();
        assert!(readiness.report().ready);
        broker.down("connection refused");
        let report = readiness.report();
        assert!(!report.ready);
        assert_eq!(
            report.dependencies["rabbitmq"].reason.as_deref(),
            Some("connection refused")
        );
    }
}
