//! Shipments in random histories: requested, packed, on their way and received.

use super::*;

impl World {
    /// Some of what a shipment has claimed is packed, or a parcel taken apart.
    pub(super) fn pack(&mut self, step: &Step) {
        let is_claimed =
            |shipment: &Shipment| !shipment.lots.is_empty() && shipment.custodian_id.is_empty();
        let Some(id) = self.some_shipment(step, is_claimed) else {
            return;
        };
        let shipment = self.shipment(&id);
        if step.hours % 9 == 0
            && let Some(parcel) = pick(&shipment.parcels, step.other)
        {
            self.carry_out(&UnpackParcel {
                shipment_id: code(&id),
                sscc: code(&parcel.parcel.as_ref().expect("a parcel").sscc),
            });
            return;
        }
        let sscc = self.name("P");
        let contents = pick(&shipment.lots, step.which).map(|lot| vec![part_of(lot, step)]);
        let command = PackParcel {
            contents: contents.filter(|_| step.flag),
            weight_g: i64::from(step.flag) * step.quantity * 3_000,
            ..journey::pack(&id, &sscc, "SEAL")
        };
        if self.carry_out(&command) {
            self.parcels.push(sscc);
        }
    }

    /// A shipment has left with what nobody had claimed for it. That is refused only where too much of it meets in one
    /// event, and of assets.
    pub(super) fn leave_unclaimed(&mut self, step: &Step) {
        let is_new = |shipment: &Shipment| {
            shipment.lots.is_empty() && shipment.state() == ShipmentState::Requested
        };
        let Some(id) = self.some_shipment(step, is_new) else {
            return;
        };
        let shipment = self.shipment(&id);
        let mut command = dispatch_unclaimed(&id);
        if step.hours % 2 == 0 {
            let picks = shipment.lines.iter().flat_map(|line| {
                let level = self.level(&shipment.origin_id, &line.item_id);
                // More than once of a batch, and of one that may not be there any more.
                let lots = level.lots.into_iter().take(1 + step.other % 2);
                lots.map(|lot| Pick {
                    line: line.line,
                    batch_id: (!step.which.is_multiple_of(3)).then(|| code(&lot.batch_id)),
                    owner_id: (!step.which.is_multiple_of(2)).then(|| code(&lot.owner_id)),
                    quantity: Some(quantity((line.quantity / 2).max(1))),
                    serial_numbers: lot
                        .serial_numbers
                        .iter()
                        .take(1)
                        .map(|it| label(it))
                        .collect(),
                })
            });
            command.units = Some(picks.collect()).filter(|picks: &Vec<_>| !picks.is_empty());
        }
        let is_counted = shipment.lines.iter().all(|line| {
            let is_pushed = line.request_id.is_empty();
            is_pushed && line.item_id != "CONC"
        });
        match self.story.decide(&command) {
            Err(rejection) if is_counted && is_new(&shipment) => {
                let reason = rejection.reason();
                let known = ["TOO_MANY_TAGS", "EXCEEDS_SHIPMENT"];
                assert!(known.contains(&reason), "{reason}: {rejection}");
            }
            _ => {}
        }
        if self.carry_out(&command) {
            let batches = command.new_batch_ids.iter();
            let batches = batches.filter(|id| {
                let batch = self.story.read(&Boundary::Batch((*id).clone()));
                matches!(batch, Entry::Batch(batch) if !batch.batch_id.is_empty())
            });
            let batches: Vec<_> = batches.map(ToString::to_string).collect();
            self.batches.extend(batches);
        }
    }

    /// A shipment on its way is late, not taken, sent elsewhere, split, arrives, loses something, or is answered for.
    pub(super) fn go_on(&mut self, step: &Step) {
        let is_on_the_way =
            |shipment: &Shipment| shipment.lots.iter().any(|lot| lot.in_transit > 0);
        if step.kind == 66 && step.flag {
            let is_open = |shipment: &Shipment| !shipment.discrepancies.is_empty();
            if let Some(id) = self.some_shipment(step, is_open) {
                let answered = self.carry_out(&journey::dispute(&id));
                assert!(answered || !self.carry_out(&journey::accept(&id)) || step.hours > 0);
            }
            return;
        }
        let Some(id) = self.some_shipment(step, is_on_the_way) else {
            return;
        };
        let shipment = self.shipment(&id);
        let Some(lot) = pick(&shipment.lots, step.other) else {
            return;
        };
        let states = [
            SealState::Intact,
            SealState::Broken,
            SealState::ParcelMissing,
        ];
        match (step.kind, step.which % 3) {
            (62, 0) => {
                self.carry_out(&DelayShipment {
                    expected_on: None,
                    ..journey::delay(&id)
                });
            }
            (62, 1) if step.flag => {
                let given = self.carry_out(&custody::hand_over(&id, RECIPIENTS[step.other % 2]));
                if !given {
                    let agreement = self.name("LA");
                    self.carry_out(&SignLiabilityAgreement {
                        valid_until: None,
                        ..custody::sign("HELP", &agreement)
                    });
                    self.carry_out(&custody::hand_over(&id, "HELP"));
                }
            }
            (62, 1) => {
                self.carry_out(&journey::attempt(&id));
            }
            (62, _) => {
                let ssccs = shipment.parcels.iter().filter_map(|it| it.parcel.as_ref());
                let seals = ssccs.zip(step.other..).map(|(parcel, number)| {
                    journey::seal(&parcel.sscc, states[number % states.len()])
                });
                self.carry_out(&journey::stands_there(&id, seals.collect()));
            }
            (63, 0) => {
                self.carry_out(&journey::turn_back(&id));
            }
            (63, _) => {
                self.carry_out(&journey::divert(&id, FACILITIES[step.other % 3]));
            }
            (64 | 65, _) => {
                let new_id = self.name("S");
                let mut command = journey::split(&id, &new_id, vec![part_of(lot, step)]);
                if step.flag
                    && let Some(parcel) = pick(&shipment.parcels, step.other)
                {
                    let sscc = &parcel.parcel.as_ref().expect("a parcel").sscc;
                    command.ssccs = vec![code(sscc)];
                    command.units = Vec::new();
                }
                if self.carry_out(&command) {
                    self.shipments.push(new_id);
                }
            }
            _ => {
                let units = (!step.which.is_multiple_of(3)).then(|| vec![part_of(lot, step)]);
                self.carry_out(&journey::report_loss(&id, units));
            }
        }
    }

    /// What a shipment has claimed or carries passes to another owner: all of it, a parcel, or a part.
    pub(super) fn transfer_in_shipment(&mut self, step: &Step) {
        let has_some = |shipment: &Shipment| {
            let is_outstanding =
                |lot: &ShipmentLot| shipment.custodian_id.is_empty() || lot.in_transit > 0;
            shipment.lots.iter().any(is_outstanding)
        };
        let Some(id) = self.some_shipment(step, has_some) else {
            return;
        };
        let shipment = self.shipment(&id);
        let owners = ["MOH", "HELP", "CREW"];
        let mut command = TransferShipmentTitle {
            new_owner_id: code(owners[step.which % 3]),
            owner_id: (step.hours % 7 == 0).then(|| code(owners[step.other % 3])),
            ..transfer_in(&id)
        };
        let part = pick(&shipment.lots, step.other).map(|lot| part_of(lot, step));
        let parcel = pick(&shipment.parcels, step.other).and_then(|it| it.parcel.as_ref());
        match step.hours % 3 {
            0 => command.units.extend(part),
            1 => {
                let parcel = parcel.map(|parcel| code(&parcel.sscc));
                command.ssccs.extend(parcel);
                if step.other.is_multiple_of(2) {
                    command.units.extend(part);
                }
            }
            _ => {}
        }
        self.carry_out(&command);
    }

    /// A shipment for which a command makes sense; now and then any.
    pub(super) fn some_shipment(
        &self,
        step: &Step,
        makes_sense: fn(&Shipment) -> bool,
    ) -> Option<String> {
        let fitting: Vec<&String> = self
            .shipments
            .iter()
            .filter(|id| step.hours % 7 == 0 || makes_sense(&self.shipment(id)))
            .collect();
        pick(&fitting, step.which).map(ToString::to_string)
    }

    pub(super) fn allocate(&mut self, step: &Step) {
        let is_open = |shipment: &Shipment| shipment.state() == ShipmentState::Requested;
        let Some(id) = self.some_shipment(step, is_open) else {
            return;
        };
        self.carry_out(&if step.flag {
            allocate(&id)
        } else {
            allocate_partly(&id)
        });
    }

    pub(super) fn request(&mut self, step: &Step) {
        let id = self.name("R");
        let commodity_id = ["TEST", "GLOVES", "OXYGEN"][step.which % 3];
        let command = FileRequest {
            facility_id: code(FACILITIES[1 + step.other % 2]),
            ..ask(&id, &[(commodity_id, step.quantity)])
        };
        if !self.carry_out(&command) {
            assert!(matches!(
                self.story.decide(&command),
                Err(Rejection::FacilityClosed { .. })
            ));
            return;
        }
        if step.hours % 7 > 0 {
            self.carry_out(&approve(&id, &[(1, step.quantity - i64::from(step.flag))]));
        }
        self.requests.push(id);
    }

    /// Whatever may happen to some request; most of it is refused in most states.
    pub(super) fn change_request(&mut self, step: &Step) {
        let Some(id) = pick(&self.requests, step.other).cloned() else {
            return;
        };
        for command in request_life::anything(&id, step.which, step.quantity) {
            self.carry_out(command.as_ref());
        }
    }

    pub(super) fn ship(&mut self, step: &Step) {
        let id = self.name("S");
        let item_id = ITEMS[step.which % 4];
        let mut goods = vec![(item_id, step.quantity % 8 + 1)];
        if step.hours % 2 == 0 {
            goods.push((ITEMS[step.other % 4], step.quantity % 5 + 1));
        }
        if step.hours % 3 == 0 {
            goods.push((item_id, 2));
        }
        let mut command = RequestShipment {
            destination_id: code(FACILITIES[1 + step.other % 2]),
            ..ship(&id, &goods)
        };
        if step.hours % 5 == 0 {
            command.origin_id = code(FACILITIES[step.which % 3]);
        }
        if let Some((request_id, facility_id)) = self.need(step, item_id).filter(|_| step.flag) {
            command.lines[0].request = Some((code(&request_id), 1));
            command.destination_id = code(&facility_id);
        }
        if step.hours % 4 == 0
            && let Some(line) = command.lines.last_mut()
        {
            line.owner_id = Some(code(RECIPIENTS[usize::from(step.hours % 2 == 0)]));
        }
        if self.carry_out(&command) {
            if step.hours % 3 != 1 {
                self.carry_out(&allocate_partly(&id));
            }
            self.shipments.push(id);
        }
    }

    /// A request that the item may serve, and who needs it.
    pub(super) fn need(&self, step: &Step, item_id: &str) -> Option<(String, String)> {
        let commodity_id = match item_id {
            "GLOVE" => "GLOVES",
            "CONC" => "OXYGEN",
            _ => "TEST",
        };
        let needs: Vec<_> = self
            .requests
            .iter()
            .filter_map(|id| match self.story.read(&Boundary::Request(code(id))) {
                Entry::Request(request)
                    if request.lines[0].commodity_id == commodity_id
                        && request.lines[0].approved > 0 =>
                {
                    Some((request.request_id, request.facility_id))
                }
                _ => None,
            })
            .collect();
        pick(&needs, step.other).cloned()
    }

    pub(super) fn receive_shipment(&mut self, step: &Step) {
        let is_under_way = |shipment: &Shipment| {
            is_missing(shipment) || shipment.lots.iter().any(|lot| lot.in_transit > 0)
        };
        let Some(id) = self.some_shipment(step, is_under_way) else {
            return;
        };
        if step.flag && step.other.is_multiple_of(2) {
            self.carry_out(&arrive(&id));
            return;
        }
        let shipment = self.shipment(&id);
        let mut lines: Vec<FoundGoods> = Vec::new();
        for (index, lot) in shipment.lots.iter().enumerate() {
            lines.extend(findings(lot, step, index));
        }
        let batch_id = self.name("B");
        if step.other.is_multiple_of(3) {
            lines.push(unannounced("GLOVE", step.quantity, &batch_id));
        }
        if self.carry_out(&arrive_with(&id, lines)) {
            self.batches.push(batch_id);
            if step.hours % 4 == 0 {
                self.carry_out(&journey::dispute(&id));
            }
        }
    }
}

/// Some units of a lot.
pub(super) fn part_of(lot: &ShipmentLot, step: &Step) -> Pick {
    let of_line = lot.shipment_units.as_ref().expect("units");
    let units = of_line.units.as_ref().expect("units");
    let on_the_way = lot.serial_numbers_in_transit.iter();
    let numbers = on_the_way.chain(&units.serial_numbers).take(1);
    let serial_numbers: Vec<_> = numbers.map(|it| label(it)).collect();
    let amount = quantity(step.quantity % 4 + 1);
    Pick {
        line: of_line.line,
        batch_id: Some(code(&units.batch_id)),
        owner_id: Some(code(&units.owner_id)),
        quantity: (serial_numbers.is_empty() && step.hours % 2 == 0).then_some(amount),
        serial_numbers,
    }
}

/// Good, damaged and missing units of a lot.
pub(super) fn findings(lot: &ShipmentLot, step: &Step, index: usize) -> Vec<FoundGoods> {
    let of_line = lot.shipment_units.as_ref().expect("units");
    let units = of_line.units.as_ref().expect("units");
    let find = |amount: i64, outcome, serial_numbers: &[String]| FoundGoods {
        batch_id: Some(code(&units.batch_id)),
        owner_id: Some(code(&units.owner_id)),
        serial_numbers: serial_numbers.iter().map(|number| label(number)).collect(),
        ..found(of_line.line, amount, outcome)
    };
    if !units.serial_numbers.is_empty() {
        let outcome = OUTCOMES[2 + (step.other + index) % 4];
        return lot
            .serial_numbers_in_transit
            .iter()
            .take(1)
            .map(|it| find(1, outcome, std::slice::from_ref(it)))
            .collect();
    }
    let missing = lot
        .in_transit
        .min(i64::try_from(step.other % 4).expect("small"));
    let turned_up = if step.flag { lot.missing.min(2) } else { 0 };
    // Now and then more is reported than can be there.
    let excess = i64::from(step.hours % 11 == 0);
    let there = (lot.in_transit - missing).min(step.quantity * 2) + turned_up + excess;
    [
        (there - there / 4, ReceiptOutcome::Good),
        (there / 4, ReceiptOutcome::Damaged),
        (missing, ReceiptOutcome::Missing),
    ]
    .into_iter()
    .filter(|(amount, _)| *amount > 0)
    .map(|(amount, outcome)| find(amount, outcome, &[]))
    .collect()
}

pub(super) fn is_missing(shipment: &Shipment) -> bool {
    shipment.lots.iter().any(|lot| lot.missing > 0)
}
