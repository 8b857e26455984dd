//! Whether the servers have what a target needs: asked before anything of it is started.

use anyhow::{Result, bail};

use super::{backend::Kind, lab::Lab};
use crate::ask::target::need::Need;

/// Refuses servers that lack something, and says what.
pub async fn check(lab: &Lab, needs: &[Need]) -> Result<()> {
    for need in needs {
        if let Some(unmet) = unmet(lab, need).await? {
            bail!("the target needs {unmet}");
        }
    }
    Ok(())
}

/// The plugins among what is needed.
pub fn plugins(needs: &[Need]) -> Vec<String> {
    let plugins = needs.iter().filter_map(|need| match need {
        Need::Plugin(name) => Some(name.clone()),
        _ => None,
    });
    plugins.collect()
}

async fn unmet(lab: &Lab, need: &Need) -> Result<Option<String>> {
    let backend = lab.backend().name();
    match need {
        Need::Setting { name, value } => {
            let found = lab.postgres().setting(name).await?;
            Ok(differs(name, value, found.as_deref()))
        }
        Need::Plugin(plugin) => {
            let enabled = lab.rabbitmq().management().plugins().await?;
            Ok((!enabled.contains(plugin)).then(|| {
                format!(
                    "RabbitMQ's plugin {plugin}, and the servers of --backend {backend} have not enabled it; `rabbitmq-plugins enable {plugin}` on servers of your own, or --backend native where the package has it"
                )
            }))
        }
        Need::OwnRabbitmq => Ok((lab.backend() == Kind::External).then(|| {
            "a RabbitMQ for each run, and external servers are shared; run it with --backend native or docker".to_owned()
        })),
    }
}

fn differs(name: &str, wanted: &str, found: Option<&str>) -> Option<String> {
    match found {
        Some(found) if found == wanted => None,
        Some(found) => Some(format!(
            "Postgres with {name} = {wanted}, and it is {found} here"
        )),
        None => Some(format!(
            "Postgres with {name} = {wanted}, and this one knows no setting {name}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_compared_with_what_the_server_says() {
        assert_eq!(differs("wal_level", "logical", Some("logical")), None);
        let said = differs("wal_level", "logical", Some("replica")).unwrap();
        assert!(said.ends_with("and it is replica here"), "{said}");
        let said = differs("wal_levl", "logical", None).unwrap();
        assert!(said.contains("knows no setting wal_levl"), "{said}");
    }

    #[test]
    fn plugins_are_told_to_who_starts_a_broker() {
        let needs = [Need::OwnRabbitmq, Need::Plugin("rabbitmq_stomp".to_owned())];
        assert_eq!(plugins(&needs), ["rabbitmq_stomp"]);
    }
}
