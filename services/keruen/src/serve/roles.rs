//! What a process does, and whether that can be done with what it was given.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::ValueEnum;

use super::store::Store;

/// A part of the work.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything; the relay only with --nats-url
    All,
    /// Write the log, and answer appends over NATS
    Log,
    /// Donations, batches and stock
    Inventory,
    /// Shipments and assets
    Shipments,
    /// Requests of hospitals
    Requests,
    /// Regions, facilities, items and organisations
    Registry,
    /// The views and their queries
    Projections,
    /// The web page
    Gateway,
    /// Pass the log on to JetStream
    Relay,
    /// Call those on duty when a request is overdue; it asks the role requests, as any client does
    Clocks,
}

/// Roles that record events.
const APPENDING: [Role; 4] = [
    Role::Inventory,
    Role::Shipments,
    Role::Requests,
    Role::Registry,
];

/// The roles of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// All of them.
    pub fn all() -> Self {
        let all = Role::value_variants().iter().copied();
        Self(all.filter(|role| *role != Role::All).collect())
    }

    /// Those of a list, in which `all` stands for all.
    pub fn of(listed: &[Role]) -> Self {
        if listed.contains(&Role::All) {
            return Self::all();
        }
        Self(listed.iter().copied().collect())
    }

    /// Whether it is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether one of them records events.
    pub fn append(&self) -> bool {
        APPENDING.iter().any(|role| self.has(*role))
    }

    /// Whether one of them reads or writes the log.
    pub fn need_log(&self) -> bool {
        self.0.iter().any(|role| *role != Role::Gateway)
    }

    /// Whether the page finds everything that it asks for in this process.
    pub fn answer_the_page(&self) -> bool {
        self.has(Role::Registry) && self.has(Role::Projections)
    }

    /// Refuses what can't work, and says what is missing.
    pub fn check(&self, store: &Store, has_nats: bool) -> anyhow::Result<()> {
        if self == &Self::all() || !self.need_log() {
            return Ok(());
        }
        if let Store::Sqlite(_) = store {
            // A page, a relay and clocks may be missing; whatever else reads or writes the file may not.
            let mut missing = Self::all().without(self);
            missing.retain(|role| ![Role::Gateway, Role::Relay, Role::Clocks].contains(role));
            if !missing.is_empty() {
                bail!(
                    "--roles {self}: a log on SQLite belongs to one process, which must then have the roles {} as well. \
                     For several processes keep the log on PostgreSQL: --database-url postgres://…",
                    named(&missing)
                );
            }
        }
        if self.has(Role::Relay) && !has_nats {
            bail!(
                "--roles {self}: the role relay passes the log on to JetStream; say where that is with --nats-url"
            );
        }
        if self.append() && !self.has(Role::Log) && !has_nats {
            let appending: Vec<_> = APPENDING
                .into_iter()
                .filter(|role| self.has(*role))
                .collect();
            bail!(
                "--roles {self}: {} without the role log must append over NATS; say where that is with --nats-url, or \
                 add log to --roles",
                named(&appending)
            );
        }
        if self.has(Role::Log) && !self.append() && !has_nats {
            bail!(
                "--roles {self}: other processes reach the role log over NATS; say where that is with --nats-url, or add \
                 {} to --roles",
                named(&APPENDING)
            );
        }
        Ok(())
    }

    fn without(&self, others: &Self) -> Vec<Role> {
        self.0.difference(&others.0).copied().collect()
    }
}

/// As they are written on the command line.
impl std::fmt::Display for Roles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self == &Self::all() {
            return formatter.write_str("all");
        }
        let roles: Vec<_> = self.0.iter().copied().collect();
        formatter.write_str(&named(&roles).replace(", ", ","))
    }
}

fn named(roles: &[Role]) -> String {
    let names = roles.iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(listed: &[Role], store: &Store, has_nats: bool) -> String {
        let refused = Roles::of(listed).check(store, has_nats);
        refused.map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn roles_that_lack_something_are_refused() {
        use Role::{
            All, Gateway, Inventory, Log, Projections, Registry, Relay, Requests, Shipments,
        };
        let file = Store::Sqlite("k.db".into());
        let server = Store::Postgres {
            url: "postgres://u@h/d".to_owned(),
            folder: ".".into(),
        };
        for store in [&file, &server] {
            for has_nats in [false, true] {
                assert_eq!(told(&[All], store, has_nats), "fine");
                assert_eq!(told(&[Gateway], store, has_nats), "fine");
            }
        }
        let services = [Inventory, Shipments, Requests, Registry, Projections];
        let refused = told(&services, &file, true);
        assert!(
            refused.contains("must then have the roles log as well"),
            "{refused}"
        );
        assert!(refused.starts_with("--roles inventory,shipments,requests,registry,projections: "));
        assert_eq!(
            told(&[&services[..], &[Log]].concat(), &file, false),
            "fine"
        );
        assert_eq!(told(&services, &server, true), "fine");
        let refused = told(&services, &server, false);
        assert!(
            refused.contains("inventory, shipments, requests, registry without the role log"),
            "{refused}"
        );
        assert_eq!(told(&[Projections], &server, false), "fine");
        for without_nats in [&[Relay][..], &[Log], &[Log, Projections]] {
            let refused = told(without_nats, &server, false);
            assert!(refused.contains("--nats-url"), "{refused}");
            assert_eq!(told(without_nats, &server, true), "fine");
        }
    }
}
