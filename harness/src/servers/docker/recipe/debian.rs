//! Postgres and RabbitMQ from Debian's packages, two releases of each: the suites of mmdebstrap name the versions.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Recipe, fingerprint};

/// What there is a recipe for.
pub const NAMES: [&str; 4] = [
    "postgres:15",
    "postgres:17",
    "rabbitmq:3.10",
    "rabbitmq:4.0",
];

const POSTGRES_ENTRY: &str = include_str!("postgres.sh");
const RABBITMQ_ENTRY: &str = include_str!("rabbitmq.sh");
const RABBITMQ_DEFAULTS: &str = include_str!("rabbitmq.conf");
/// In an image nobody reads them.
const LEFT_OUT: [&str; 3] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
];

/// The recipe called `name`.
pub fn recipe(name: &str) -> Result<Recipe> {
    let (suite, package) = match name {
        "postgres:15" => ("bookworm", "postgresql-15"),
        "postgres:17" => ("trixie", "postgresql-17"),
        "rabbitmq:3.10" => ("bookworm", "rabbitmq-server"),
        _ => ("trixie", "rabbitmq-server"),
    };
    let workshop = tempfile::tempdir().context("making a temporary folder; set TMPDIR")?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = workshop.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path.display().to_string())
    };
    let (hooks, changes) = if name.starts_with("postgres") {
        let entry = file("postgres.sh", POSTGRES_ENTRY)?;
        (
            vec![format!("copy-in {entry} /usr/local/bin")],
            vec![
                "ENTRYPOINT [\"/usr/local/bin/postgres.sh\"]",
                "CMD [\"postgres\"]",
                "VOLUME /var/lib/postgresql/data",
                "EXPOSE 5432",
            ],
        )
    } else {
        let (entry, defaults) = (
            file("rabbitmq.sh", RABBITMQ_ENTRY)?,
            file("10-defaults.conf", RABBITMQ_DEFAULTS)?,
        );
        (
            vec![
                "mkdir -p \"$1/etc/rabbitmq/conf.d\"".to_owned(),
                format!("copy-in {entry} /usr/local/bin"),
                format!("copy-in {defaults} /etc/rabbitmq/conf.d"),
                "echo '[rabbitmq_management].' >\"$1/etc/rabbitmq/enabled_plugins\"".to_owned(),
                // Each container makes its own.
                "rm -f \"$1/var/lib/rabbitmq/.erlang.cookie\"".to_owned(),
            ],
            vec![
                "ENTRYPOINT [\"/usr/local/bin/rabbitmq.sh\"]",
                "CMD [\"rabbitmq-server\"]",
                "VOLUME /var/lib/rabbitmq",
                "EXPOSE 5672 15672",
            ],
        )
    };
    let mut archive = Command::new("mmdebstrap");
    archive
        .arg("--variant=essential")
        .arg(format!("--include={package}"));
    archive.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    archive.args(hooks.iter().map(|hook| format!("--customize-hook={hook}")));
    archive.args([suite, "-"]);
    Ok(Recipe {
        name: name.to_owned(),
        fingerprint: fingerprint((
            suite,
            package,
            POSTGRES_ENTRY,
            RABBITMQ_ENTRY,
            RABBITMQ_DEFAULTS,
        )),
        archive,
        changes: changes.into_iter().map(str::to_owned).collect(),
        _workshop: workshop,
    })
}
