//! Stock at rest in random histories: it is opened, counted, used, set apart, owned by others, and made into kits.

use super::*;

impl World {
    /// Some of a lot passes to another owner.
    pub(super) fn transfer(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let owners = ["MOH", "HELP", "CREW"];
        let numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(2)
            .map(|it| label(it))
            .collect();
        let amount = i64::try_from(numbers.len()).expect("few");
        let counted = if numbers.is_empty() {
            step.quantity
        } else {
            amount
        };
        self.carry_out(&TransferTitle {
            facility_id: code(facility),
            owner_id: step.flag.then(|| code(&lot.owner_id)),
            new_owner_id: code(owners[step.which % 3]),
            quantity: (step.hours % 5 != 0).then(|| quantity(counted)),
            serial_numbers: if step.hours % 5 == 0 {
                Vec::new()
            } else {
                numbers
            },
            ..transfer(&lot.batch_id, 1)
        });
    }

    /// Counts an item, as of now or of some time ago; mostly something is missing, now and then more is there.
    pub(super) fn count(&mut self, step: &Step) {
        let facility = FACILITIES[step.which % 3];
        let item_id = ITEMS[step.other % 4];
        let level = self.level(facility, item_id);
        let ago = u64::try_from(step.hours % 12).expect("small");
        let count_id = self.name("C");
        let mut lines = Vec::new();
        for (index, lot) in level.lots.iter().enumerate() {
            let is_right = !(index + step.which).is_multiple_of(3);
            let difference = if is_right { 0 } else { 3 - step.quantity % 9 };
            let mut serial_numbers: Vec<_> =
                lot.serial_numbers.iter().map(|it| label(it)).collect();
            if !is_right {
                serial_numbers.pop();
            }
            lines.push(CountedUnits {
                batch_id: code(&lot.batch_id),
                owner_id: Some(code(&lot.owner_id)),
                quantity: if lot.serial_numbers.is_empty() {
                    (lot.on_hand + difference).max(0)
                } else {
                    i64::try_from(serial_numbers.len()).expect("few")
                },
                serial_numbers,
            });
        }
        if step.flag {
            lines.truncate(2);
        }
        let mut found = Vec::new();
        if step.hours % 4 == 0 && item_id != "CONC" {
            let batch_id = self.name("B");
            found.push(new_stock(item_id, step.quantity, &batch_id));
            self.batches.push(batch_id);
        }
        let command = CountStock {
            facility_id: code(facility),
            kind: if step.flag {
                CountKind::Cycle
            } else {
                CountKind::Full
            },
            counted_position: Some(self.position.saturating_sub(ago)),
            lines,
            found,
            ..count(&count_id, item_id, &[])
        };
        self.carry_out(&command);
        self.counts.push(count_id);
    }

    /// Opens the books of an item, where nothing is there.
    pub(super) fn open(&mut self, step: &Step) {
        let batch_id = self.name("B");
        let item_id = ITEMS[step.other % 4];
        let mut line = NewStock {
            held: step.flag,
            ..new_stock(item_id, step.quantity, &batch_id)
        };
        if item_id == "CONC" {
            let number = self.name("N");
            line.quantity = quantity(1);
            line.serial_numbers = labels(&[&number]);
            self.serial_numbers.push(number);
        }
        let command = OpenStock {
            facility_id: code(FACILITIES[step.which % 3]),
            ..open_books(vec![line])
        };
        self.carry_out(&command);
        self.batches.push(batch_id);
    }

    /// Something was kept too warm, or may be used for less long.
    pub(super) fn spoil(&mut self, step: &Step) {
        let Some((facility, item_id, lot)) = self.lot(step) else {
            return;
        };
        if step.flag {
            let command = RecordExcursion {
                facility_id: code(facility),
                batch_ids: vec![code(&lot.batch_id)],
                ..excursion(item_id)
            };
            assert!(self.carry_out(&command));
        } else {
            let day = date("2020-04-20") + Days::new(u64::try_from(step.which).expect("small"));
            self.carry_out(&shorten(&lot.batch_id, &day.to_string()));
        }
    }

    pub(super) fn give_back(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(1)
            .map(|number| label(number))
            .collect();
        let command = ReturnStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            quantity: quantity(if serial_numbers.is_empty() {
                step.quantity
            } else {
                1
            }),
            serial_numbers,
            recipient_id: step.flag.then(|| code("HELP")),
            already_returned: step.hours % 2 == 0,
            ..give_back(&lot.batch_id, 1)
        };
        self.carry_out(&command);
    }

    /// Holds a batch, mostly one of which something is there.
    pub(super) fn hold(&mut self, step: &Step) {
        let there = self.lot(step).map(|(_, _, lot)| lot.batch_id);
        let any = pick(&self.batches, step.which).cloned();
        let Some(batch_id) = there.filter(|_| step.hours % 7 != 0).or(any) else {
            return;
        };
        let reason = HOLD_REASONS[step.which % 3];
        self.carry_out(&HoldBatch {
            reason,
            ..hold(&batch_id)
        });
    }

    /// Releases a batch that is held, for a reason or for the only one.
    pub(super) fn release(&mut self, step: &Step) {
        let held: Vec<String> = ITEMS
            .into_iter()
            .filter_map(
                |item| match self.story.read(&Boundary::Quality(code(item))) {
                    Entry::Quality(quality) => Some(quality.holds),
                    _ => None,
                },
            )
            .flatten()
            .map(|hold| hold.batch_id)
            .collect();
        let Some(batch_id) = pick(&held, step.other) else {
            return;
        };
        let reason = step.flag.then(|| HOLD_REASONS[step.which % 3]);
        self.carry_out(&ReleaseBatch {
            reason,
            ..release(batch_id)
        });
    }

    /// Holds some units by themselves, or releases them.
    pub(super) fn set_apart(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let known = if step.flag {
            &lot.serial_numbers
        } else {
            &lot.serial_numbers_held_here
        };
        let serial_numbers: Vec<_> = known.iter().take(1).map(|it| label(it)).collect();
        let amount = if lot.serial_numbers.is_empty() {
            quantity(step.quantity)
        } else {
            quantity(1)
        };
        let (facility_id, owner_id) = (code(facility), Some(code(&lot.owner_id)));
        if step.flag {
            self.carry_out(&HoldStock {
                facility_id,
                owner_id,
                quantity: amount,
                serial_numbers,
                ..hold_here(&lot.batch_id, 1)
            });
        } else {
            self.carry_out(&ReleaseStock {
                facility_id,
                owner_id,
                quantity: amount,
                serial_numbers,
                ..release_here(&lot.batch_id, 1)
            });
        }
    }

    pub(super) fn adjust(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers = lot.serial_numbers.iter().take(1 + step.which % 2);
        let amount = if lot.serial_numbers.is_empty() {
            step.quantity
        } else {
            i64::try_from(serial_numbers.len()).expect("few")
        };
        let (change, reason) = if step.flag || !lot.serial_numbers.is_empty() {
            (Change::Decrease(quantity(amount)), AdjustmentReason::Lost)
        } else {
            (Change::Increase(quantity(amount)), AdjustmentReason::Found)
        };
        let command = AdjustStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            serial_numbers: serial_numbers.map(|number| label(number)).collect(),
            ..adjust(&lot.batch_id, change, reason)
        };
        let is_loss = matches!(command.change, Change::Decrease(_));
        let is_accepted = self.carry_out(&command);
        // Half of what was lost is found again, sometimes elsewhere.
        if is_accepted && is_loss && step.which.is_multiple_of(2) {
            let found = AdjustStock {
                facility_id: code(FACILITIES[step.which % 3]),
                change: Change::Increase(quantity(amount)),
                reason: AdjustmentReason::Found,
                ..command
            };
            assert!(self.carry_out(&found));
        }
    }

    pub(super) fn consume(&mut self, step: &Step) {
        let Some((facility, item_id, lot)) = self.lot(step) else {
            return;
        };
        let already_used = step.hours % 3 == 0;
        let new_batch_id = self.name("B");
        let command = ConsumeStock {
            facility_id: code(facility),
            batch_id: step.flag.then(|| code(&lot.batch_id)),
            owner_id: (step.which.is_multiple_of(2)).then(|| code(&lot.owner_id)),
            already_used,
            new_batch_id: code(&new_batch_id),
            ..consume(item_id, step.quantity)
        };
        // What has happened is never refused, but where it concerns too much at once, and of assets.
        match self.story.decide(&command) {
            Err(rejection) if already_used && item_id != "CONC" => {
                assert_eq!(rejection.reason(), "TOO_MANY_TAGS");
            }
            _ => {}
        }
        if self.carry_out(&command) {
            self.batches.push(new_batch_id);
        }
    }

    pub(super) fn dispose(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(1)
            .map(|number| label(number))
            .collect();
        let command = DisposeStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            quantity: quantity(if serial_numbers.is_empty() {
                step.quantity
            } else {
                1
            }),
            serial_numbers,
            already_disposed: step.flag,
            ..dispose(&lot.batch_id, 1)
        };
        self.carry_out(&command);
    }

    /// Kits are put together, now and then of one owner's only.
    pub(super) fn assemble(&mut self, step: &Step) {
        let ids: Vec<String> = (0..4).map(|_| self.name("B")).collect();
        // Mostly where and of whom there may be enough.
        let lots = FACILITIES.into_iter().flat_map(|facility| {
            let lots = self.level(facility, "RAPID").lots.into_iter();
            let usable = lots.filter(|lot| lot.available > 1);
            usable.map(move |lot| (facility, lot.owner_id))
        });
        let lots: Vec<_> = lots.collect();
        let Some((facility, owner_id)) = pick(&lots, step.which).cloned() else {
            return;
        };
        let command = AssembleKits {
            facility_id: code(facility),
            owner_id: Some(code(&owner_id)).filter(|_| step.hours % 4 > 0),
            kit_batch_ids: ids.iter().map(|id| code(id)).collect(),
            ..assemble(step.quantity % 3 + 1, &[])
        };
        if self.carry_out(&command) {
            self.batches.extend(ids);
        }
    }

    /// Some kits are taken apart.
    pub(super) fn take_apart(&mut self, step: &Step) {
        let lots = FACILITIES.into_iter().flat_map(|facility| {
            let lots = self.level(facility, "KIT").lots.into_iter();
            lots.map(move |lot| (facility, lot))
        });
        let lots: Vec<_> = lots.collect();
        let Some((facility, lot)) = pick(&lots, step.which).cloned() else {
            return;
        };
        self.carry_out(&BreakKits {
            facility_id: code(facility),
            owner_id: step.flag.then(|| code(&lot.owner_id)),
            ..take_apart(&lot.batch_id, step.quantity % 3 + 1)
        });
    }

    /// Some asset takes some step, if it may.
    pub(super) fn live(&mut self, step: &Step) {
        let Some(number) = pick(&self.serial_numbers, step.which).cloned() else {
            return;
        };
        let Entry::Asset(it) = self
            .story
            .read(&Boundary::Asset(code("CONC"), label(&number)))
        else {
            return;
        };
        // Mostly what can follow; now and then anything.
        let next = match (it.place(), it.condition()) {
            _ if step.hours % 3 == 0 => step.other % 10,
            (AssetPlace::Lent, _) => 8,
            (_, AssetCondition::UnderRepair) => 6,
            (_, AssetCondition::OutOfOrder) => 5,
            _ => step.other % 10,
        };
        let command = match next {
            0 | 1 => asset::install(&number),
            2 => asset::put_into_service(&number),
            3 | 4 => asset::break_down(&number),
            5 => asset::send_for_repair(&number, step.flag),
            6 => asset::end_repair(
                &number,
                if step.flag {
                    RepairOutcome::Repaired
                } else {
                    RepairOutcome::NotRepairable
                },
            ),
            7 => asset::lend(&number),
            8 if it.place() == AssetPlace::Lent => asset::end_loan(&number),
            8 => asset::retire(&number),
            _ => asset::step(&number, asset::Step::Remove),
        };
        self.carry_out(&command);
    }
}
