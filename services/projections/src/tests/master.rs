//! Changes of master data by chance.

use std::collections::BTreeSet;

use keruen_domain::{
    Boundary, Entry, Label,
    registry::{
        Amend, AssignFacilityRegion, RegisterOrganisation, Retire, RevokeVerification,
        SetMinimumReserve, VerifyOrganisation,
    },
    stock::{AdjustStock, Change},
};
use keruen_proto::{
    Event,
    inventory::v1::{AdjustmentReason, AssetPlace},
    registry::v1::{
        Facility, Item, LocalizedText, Organisation, OrganisationKind, RetirementReason,
        RevocationReason,
    },
};

use super::{
    chance::Choice,
    history::{FACILITIES, History, ITEMS, code, quantity},
};
use crate::subject;

impl History {
    /// As [`History::new`], and what the registry says changes in between, and what was recorded wrongly is put right.
    pub fn with_changing_registry(choices: &[Choice]) -> Self {
        let mut history = Self::new(&[]);
        for choice in choices {
            let (kind, a, b, c) = *choice;
            if kind >= 200 {
                history.change_registry(a, b, c);
            } else if kind >= 190 {
                history.turn_up(a, b);
            } else if kind >= 140 {
                history.put_right(a, b, c);
            }
            history.happen(*choice);
        }
        history
    }

    /// A unit of an asset that had left the books turns up; now and then that was a mistake.
    fn turn_up(&mut self, a: u16, b: u16) {
        let gone = [AssetPlace::Lost, AssetPlace::Disposed, AssetPlace::Returned];
        let tags: BTreeSet<&String> = self.events.iter().flat_map(|event| &event.tags).collect();
        let assets: Vec<_> = tags
            .into_iter()
            .filter(|tag| tag.starts_with("asset:"))
            .collect();
        let mut some = assets.iter().cycle().skip(usize::from(b)).take(12);
        let found = some.find_map(|tag| match self.fold(&subject::boundary(tag)?) {
            Entry::Asset(asset) if gone.contains(&asset.place()) => Some(asset),
            _ => None,
        });
        let Some(asset) = found else {
            return;
        };
        let owner_id = if a.is_multiple_of(3) {
            "MOH"
        } else {
            &asset.owner_id
        };
        let has_turned_up = self.run(&AdjustStock {
            facility_id: code(FACILITIES[usize::from(b) % FACILITIES.len()].0),
            batch_id: code(&asset.batch_id),
            owner_id: Some(code(owner_id)),
            change: Change::Increase(quantity(1)),
            serial_numbers: vec![Label::parse(&asset.serial_number).unwrap()],
            reason: AdjustmentReason::Found,
            documents: Vec::new(),
        });
        let is_find = |event: &Event| matches!(event, Event::StockAdjusted(_));
        let index = self.decoded().iter().rposition(is_find);
        if let Some(index) = index.filter(|_| has_turned_up && a.is_multiple_of(2)) {
            self.run(&self.void_of(index));
        }
    }

    /// One thing that the registry says changes; what the domain refuses does not happen.
    fn change_registry(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, _) = FACILITIES[usize::from(b) % FACILITIES.len()];
        let (item_id, commodity_id) = ITEMS[usize::from(b) % ITEMS.len()];
        let name = Some(LocalizedText {
            en: format!("Name {c}"),
            ..LocalizedText::default()
        });
        match a % 6 {
            0 => self.run(&AssignFacilityRegion {
                facility_id: code(facility_id),
                region_id: code(["KZ-75", "KZ-62", "KZ-10"][usize::from(c) % 3]),
                valid_from: chrono::NaiveDate::from_ymd_opt(2026, 1 + u32::from(c % 4), 1).unwrap(),
            }),
            1 => self.run(&Amend {
                thing: Facility {
                    facility_id: facility_id.to_owned(),
                    name,
                    ..Facility::default()
                },
                fields: vec!["name".to_owned()],
            }),
            2 => self.run(&Amend {
                thing: Item {
                    item_id: item_id.to_owned(),
                    name,
                    ..Item::default()
                },
                fields: vec!["name".to_owned()],
            }),
            3 => self.run(&SetMinimumReserve {
                facility_id: code(facility_id),
                commodity_id: code(commodity_id),
                quantity: (!c.is_multiple_of(3)).then(|| quantity(i64::from(c))),
            }),
            4 => self.run(&Amend {
                thing: Facility {
                    facility_id: facility_id.to_owned(),
                    operator_id: ["MOH", "CARRIER", "KASPI"][usize::from(c) % 3].to_owned(),
                    ..Facility::default()
                },
                fields: vec!["operator_id".to_owned()],
            }),
            _ => {
                let id = format!("O-{}", self.events.len());
                self.expect(&RegisterOrganisation(Organisation {
                    organisation_id: id.clone(),
                    name,
                    kinds: vec![OrganisationKind::Charity.into()],
                    ..Organisation::default()
                }));
                self.expect(&VerifyOrganisation {
                    organisation_id: code(&id),
                    verified_by_id: code("MOH"),
                    verified_on: None,
                    valid_until: None,
                    documents: Vec::new(),
                });
                if c.is_multiple_of(2) {
                    self.expect(&RevokeVerification {
                        organisation_id: code(&id),
                        revoked_on: None,
                        reason: RevocationReason::Mistake,
                        documents: Vec::new(),
                    });
                }
                self.run(&Retire {
                    subject: Boundary::Organisation(code(&id)),
                    reason: RetirementReason::Mistake,
                    retired_on: None,
                    successor: None,
                    documents: Vec::new(),
                })
            }
        };
    }
}
