//! Everything in the registry, in order of codes: small enough to be held, and caught up before every answer.

use std::{collections::BTreeMap, sync::Arc};

use keruen_domain::{Boundary, Fold, registry};
use keruen_edge::{boundaries::LoadError, status};
use keruen_log::{Log, Query, QueryItem, Range};
use keruen_proto::{
    Event,
    registry::v1::{Commodity, Crew, Facility, Item, MobileUnit, Organisation, Vehicle, Volunteer},
};
use tokio::sync::Mutex;
use tonic::Status;

const PAGE_EVENTS: usize = 1_000;

/// Entries of the registry by code, as of a position.
#[derive(Default)]
pub struct Entries {
    /// Everything up to this position is in.
    pub position: u64,
    /// Organisations.
    pub organisations: BTreeMap<String, Organisation>,
    /// Facilities.
    pub facilities: BTreeMap<String, Facility>,
    /// What mobile units do.
    pub mobile_units: BTreeMap<String, MobileUnit>,
    /// Commodities.
    pub commodities: BTreeMap<String, Commodity>,
    /// Items.
    pub items: BTreeMap<String, Item>,
    /// Vehicles.
    pub vehicles: BTreeMap<String, Vehicle>,
    /// Volunteers.
    pub volunteers: BTreeMap<String, Volunteer>,
    /// Crews.
    pub crews: BTreeMap<String, Crew>,
}

/// The registry as the log tells it.
pub struct Directory {
    log: Arc<dyn Log>,
    entries: Mutex<Entries>,
}

impl Directory {
    /// A directory over `log`; it reads when it is first asked.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self {
            log,
            entries: Mutex::default(),
        }
    }

    /// Looks something up in the registry as it is now.
    pub async fn look_up<T>(
        &self,
        min_position: u64,
        look: impl FnOnce(&Entries) -> T,
    ) -> Result<T, Status> {
        let mut entries = self.entries.lock().await;
        self.catch_up(&mut entries)
            .await
            .map_err(|error| status::load_error(&error))?;
        status::reached(entries.position, min_position)?;
        Ok(look(&entries))
    }

    async fn catch_up(&self, entries: &mut Entries) -> Result<(), LoadError> {
        let query = Query {
            items: vec![QueryItem {
                types: [
                    Organisation::EVENT_TYPES,
                    Facility::EVENT_TYPES,
                    MobileUnit::EVENT_TYPES,
                    Commodity::EVENT_TYPES,
                    Item::EVENT_TYPES,
                    Vehicle::EVENT_TYPES,
                    Volunteer::EVENT_TYPES,
                    Crew::EVENT_TYPES,
                ]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
                tags: Vec::new(),
            }],
        };
        loop {
            let range = Range::after(entries.position);
            let page = self.log.read(&query, range, PAGE_EVENTS).await?;
            for recorded in &page.events {
                let event = Event::decode(&recorded.r#type, &recorded.data).map_err(|source| {
                    LoadError::Decode {
                        position: recorded.position,
                        source,
                    }
                })?;
                entries.enter(&event);
            }
            entries.position = page.reached_position(range);
            if page.complete {
                return Ok(());
            }
        }
    }
}

impl Entries {
    fn enter(&mut self, event: &Event) {
        let boundaries = [registry::subject(event), registry::crew_of(event)];
        for boundary in boundaries.iter().flatten() {
            match boundary {
                Boundary::Organisation(id) => fold(&mut self.organisations, id, boundary, event),
                Boundary::Facility(id) => fold(&mut self.facilities, id, boundary, event),
                Boundary::MobileUnit(id) => fold(&mut self.mobile_units, id, boundary, event),
                Boundary::Commodity(id) => fold(&mut self.commodities, id, boundary, event),
                Boundary::Item(id) => fold(&mut self.items, id, boundary, event),
                Boundary::Vehicle(id) => fold(&mut self.vehicles, id, boundary, event),
                Boundary::Volunteer(id) => fold(&mut self.volunteers, id, boundary, event),
                Boundary::Crew(id) => fold(&mut self.crews, id, boundary, event),
                _ => {}
            }
        }
    }
}

fn fold<T: Fold>(entries: &mut BTreeMap<String, T>, id: &str, boundary: &Boundary, event: &Event) {
    let entry = entries.entry(id.to_owned()).or_default();
    entry.evolve(boundary, event);
}
