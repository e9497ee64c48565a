//! When a day begins where something happened.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use keruen_domain::calendar;
use keruen_proto::{log::v1::TimePrecision, registry::v1::GetFacilityRequest};
use pbjson_types::Timestamp;

use super::{
    check::told,
    command::{Command, Movement, When},
};
use crate::client::{failure::Failure, session::Session};

/// The time zones of facilities, so that each is asked for once; `None` of those that are not there.
#[derive(Default)]
pub(super) struct Clocks(Mutex<HashMap<String, Option<String>>>);

impl Clocks {
    /// When a movement happened: a day begins with midnight at its facility. What was received on the day on which it was
    /// sent from farther west was not received before that.
    pub(super) async fn time(
        &self,
        session: &Session,
        movement: &Movement,
    ) -> Result<Option<Timestamp>, Failure> {
        let Some(when) = movement.when() else {
            return Ok(None);
        };
        let time = self.begin(session, &movement.facility_id, when).await?;
        let transfer = movement.transfer.as_ref();
        let is_receipt = matches!(movement.command, Command::Arrive(_)) && is_day(when);
        let Some(transfer) = transfer.filter(|_| is_receipt) else {
            return Ok(Some(time));
        };
        let sent = self
            .begin(session, &transfer.origin_id, transfer.sent)
            .await?;
        Ok(Some(std::cmp::max_by_key(time, sent, |it| {
            (it.seconds, it.nanos)
        })))
    }

    async fn begin(
        &self,
        session: &Session,
        facility_id: &str,
        when: When,
    ) -> Result<Timestamp, Failure> {
        if !is_day(when) {
            return Ok(when.0);
        }
        let day_number = calendar::kazakhstan_day_number(calendar::micros(&when.0));
        let zone = self.zone(session, facility_id).await?;
        let midnight_us = zone.and_then(|it| calendar::midnight_us(&it, day_number));
        Ok(midnight_us.map_or(when.0, calendar::timestamp))
    }

    async fn zone(&self, session: &Session, facility_id: &str) -> Result<Option<String>, Failure> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = known().get(facility_id) {
            return Ok(zone.clone());
        }
        let question = GetFacilityRequest {
            facility_id: facility_id.to_owned(),
        };
        // Where there is no such facility, the movement is refused for that.
        let facility = told(session, question).await?.ok();
        let zone = facility.map(|it| it.facility.unwrap_or_default().time_zone);
        known().insert(facility_id.to_owned(), zone.clone());
        Ok(zone)
    }
}

fn is_day((_, precision): When) -> bool {
    precision == TimePrecision::Day
}
