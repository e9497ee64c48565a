//! A day in the life of the world: what is given, asked for, carried, used and counted, and what people get wrong.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::{
    player::{Outcome, Player},
    world::{Load, Need, Product, Promise, World},
};

/// Of so many things that people do, one goes wrong.
const WRONG: usize = 12;
/// Facilities that do something on one day, of all.
const ACTIVE: usize = 3;

/// Somebody who does something at a time.
struct Day<'a> {
    player: &'a mut Player,
    chance: &'a mut fastrand::Rng,
    world: &'a mut World,
    date: NaiveDate,
    /// Seconds of the day that are over.
    clock_s: i64,
}

/// Plays one day.
pub async fn live(
    player: &mut Player,
    chance: &mut fastrand::Rng,
    world: &mut World,
    date: NaiveDate,
) -> anyhow::Result<()> {
    let deeds = (world.stores.len() + world.hospitals.len()).div_ceil(ACTIVE) * 4;
    let pause_s = (15 * 3_600 / i64::try_from(deeds).unwrap_or(i64::MAX)).max(1);
    let mut day = Day {
        player,
        chance,
        world,
        date,
        clock_s: 6 * 3_600,
    };
    for _ in 0..deeds {
        // So that all of them lie before midnight.
        day.clock_s += day.chance.i64(1..=pause_s);
        day.deed().await?;
    }
    Ok(())
}

impl Day<'_> {
    fn at(&self) -> Option<DateTime<Utc>> {
        let midnight = self.date.and_hms_opt(0, 0, 0)?.and_utc();
        Some(midnight + Duration::seconds(self.clock_s))
    }

    /// A fact of this time of the day.
    async fn fact(&mut self, line: &str) -> anyhow::Result<Outcome> {
        let at = self.at();
        self.player.tell("generate:month", at, line).await
    }

    /// A decision, which is made now.
    async fn decision(&mut self, line: &str) -> anyhow::Result<Outcome> {
        self.player.tell("generate:month", None, line).await
    }

    fn any<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        Some(of[self.chance.usize(0..of.len())].clone())
    }

    async fn deed(&mut self) -> anyhow::Result<()> {
        if self.chance.usize(0..WRONG) == 0 {
            return self.mistake().await;
        }
        match self.chance.usize(0..16) {
            0 | 1 => self.promise().await,
            2..=4 => self.bring().await,
            5 | 6 => self.ask().await,
            7 => self.answer().await,
            8 => self.load().await,
            9..=12 => self.carry().await,
            13 | 14 => self.consume().await,
            _ => self.look_after().await,
        }
    }

    /// Somebody promises goods.
    async fn promise(&mut self) -> anyhow::Result<()> {
        let number = self.chance.usize(0..self.world.products.len());
        let product = self.world.products[number].clone();
        let Some(donor) = self.any(&self.world.donors.clone()) else {
            return Ok(());
        };
        let most = if product.is_asset { 6 } else { 5_000 };
        let quantity = self.chance.i64(1..=most);
        let donation_id = self.world.new_id("GIFT");
        let what = if self.chance.bool() {
            format!("item={}", product.id)
        } else {
            format!("commodity={}", product.commodity_id)
        };
        let line = format!(
            "donation pledge --id {donation_id} --donor {donor} --line {what},quantity={quantity}"
        );
        if self.fact(&line).await?.is_done() {
            self.world.promises.push(Promise {
                donation_id,
                product: number,
                left: quantity,
            });
        }
        Ok(())
    }

    /// What was promised comes, or a part of it.
    async fn bring(&mut self) -> anyhow::Result<()> {
        if self.world.promises.is_empty() {
            return self.promise().await;
        }
        let at = self.chance.usize(0..self.world.promises.len());
        let promise = self.world.promises[at].clone();
        let product = self.world.products[promise.product].clone();
        let Some(store) = self.any(&self.world.stores.clone()) else {
            return Ok(());
        };
        let quantity = self.chance.i64(1..=promise.left);
        let batch_id = self.world.new_id("BATCH");
        let serials: Vec<String> = if product.is_asset {
            (0..quantity).map(|_| self.world.new_id("SN")).collect()
        } else {
            Vec::new()
        };
        let line = format!(
            "donation receive {} --facility {store} --line {}",
            promise.donation_id,
            self.described(&product, quantity, &serials, &batch_id)
        );
        if self.fact(&line).await?.is_done() {
            *self
                .world
                .stock
                .entry((store.clone(), promise.product))
                .or_default() += quantity;
            let units = self.world.units.entry(store.clone()).or_default();
            units.extend(serials.into_iter().map(|serial| (promise.product, serial)));
            self.world.batches.push((batch_id, store));
            self.world.promises[at].left -= quantity;
            if self.world.promises[at].left == 0 {
                self.world.promises.swap_remove(at);
                self.fact(&format!("donation close {}", promise.donation_id))
                    .await?;
            }
        }
        Ok(())
    }

    fn described(
        &mut self,
        product: &Product,
        quantity: i64,
        serials: &[String],
        batch_id: &str,
    ) -> String {
        let mut line = format!("item={},quantity={quantity},batch={batch_id}", product.id);
        // Writing to a string can't fail.
        if product.expires {
            let expires = self.player.today() + Duration::days(self.chance.i64(20..700));
            let _ = write!(line, ",expires={expires},lot=L{}", self.chance.u8(..));
        }
        for serial in serials {
            let _ = write!(line, ",serial={serial}");
        }
        line
    }

    /// A hospital asks.
    async fn ask(&mut self) -> anyhow::Result<()> {
        let product = self.chance.usize(0..self.world.products.len());
        let it = self.world.products[product].clone();
        let Some(facility_id) = self.any(&self.world.hospitals.clone()) else {
            return Ok(());
        };
        let quantity = self.chance.i64(1..=if it.is_asset { 2 } else { 300 });
        let request_id = self.world.new_id("ASK");
        let priority = self
            .any(&["routine", "urgent", "asap"])
            .unwrap_or("routine");
        let line = format!(
            "request file --facility {facility_id} --id {request_id} --line commodity={},quantity={quantity} --priority {priority}",
            it.commodity_id
        );
        if self.fact(&line).await?.is_done() {
            self.world.needs.push(Need {
                request_id,
                facility_id,
                product,
                quantity,
                is_approved: false,
            });
        }
        Ok(())
    }

    /// The front office decides.
    async fn answer(&mut self) -> anyhow::Result<()> {
        let open = self.world.needs.iter().position(|need| !need.is_approved);
        let Some(at) = open else {
            return self.ask().await;
        };
        let need = self.world.needs[at].clone();
        if self.chance.usize(0..6) == 0 {
            let line = format!(
                "request reject {} --reason sufficient-stock",
                need.request_id
            );
            if self.fact(&line).await?.is_done() {
                self.world.needs.swap_remove(at);
            }
            return Ok(());
        }
        let quantity = self.chance.i64(1..=need.quantity);
        let line = format!(
            "request approve {} --line line=1,quantity={quantity}",
            need.request_id
        );
        if self.fact(&line).await?.is_done() {
            let need = &mut self.world.needs[at];
            need.is_approved = true;
            need.quantity = quantity;
        }
        Ok(())
    }

    /// A store sends what was approved, or moves stock to another one by plan.
    async fn load(&mut self) -> anyhow::Result<()> {
        let approved = self.world.needs.iter().position(|need| need.is_approved);
        let (product, quantity, destination, request) = if let Some(at) = approved {
            let need = self.world.needs.swap_remove(at);
            let request = format!(",request={}", need.request_id);
            (need.product, need.quantity, need.facility_id, request)
        } else {
            let product = self.chance.usize(0..self.world.products.len());
            let Some(store) = self.any(&self.world.stores.clone()) else {
                return Ok(());
            };
            (product, self.chance.i64(1..20), store, String::new())
        };
        let mut stocked = self.world.stock.iter().filter(|((store, it), there)| {
            *it == product && **there >= quantity && *store != destination
        });
        let Some(((origin, _), _)) = stocked.next() else {
            return self.bring().await;
        };
        let origin = origin.clone();
        let shipment_id = self.world.new_id("WAY");
        let line = format!(
            "shipment request --from {origin} --to {destination} --id {shipment_id} --line item={},quantity={quantity}{request}",
            self.world.products[product].id
        );
        if self.fact(&line).await?.is_done() {
            *self
                .world
                .stock
                .entry((origin.clone(), product))
                .or_default() -= quantity;
            self.world.loads.push(Load {
                shipment_id,
                way: (origin, destination),
                goods: (product, quantity),
                step: 0,
            });
        }
        Ok(())
    }

    /// A shipment goes one step further.
    async fn carry(&mut self) -> anyhow::Result<()> {
        if self.world.loads.is_empty() {
            return self.load().await;
        }
        let at = self.chance.usize(0..self.world.loads.len());
        let load = self.world.loads[at].clone();
        let id = &load.shipment_id;
        let done = match load.step {
            0 if self.chance.usize(0..10) == 0 => {
                let line = format!("shipment cancel {id} --reason not-needed");
                self.fact(&line).await?;
                self.world.loads.swap_remove(at);
                return Ok(());
            }
            0 => self
                .decision(&format!("shipment allocate {id} --allow-partial"))
                .await?
                .is_done(),
            1 => {
                let Some(carrier) = self.any(&self.world.carriers.clone()) else {
                    return Ok(());
                };
                let line = format!(
                    "shipment dispatch {id} --custodian {carrier} --signed-by person:{}",
                    self.chance.u16(..)
                );
                self.decision(&line).await?.is_done()
            }
            _ => {
                self.arrive(&load).await?;
                self.world.loads.swap_remove(at);
                return Ok(());
            }
        };
        if done {
            self.world.loads[at].step += 1;
        } else {
            self.world.loads.swap_remove(at);
        }
        Ok(())
    }

    /// A shipment is received, sometimes short, and then the loss is settled.
    async fn arrive(&mut self, load: &Load) -> anyhow::Result<()> {
        let id = &load.shipment_id;
        let (product, quantity) = load.goods;
        let is_counted = !self.world.products[product].is_asset;
        if is_counted && quantity > 1 && self.chance.usize(0..4) == 0 {
            let missing = self.chance.i64(1..quantity);
            let line = format!(
                "shipment receive {id} --line line=1,quantity={} --line line=1,quantity={missing},outcome=missing",
                quantity - missing
            );
            if self.decision(&line).await?.is_done() && self.chance.bool() {
                let line = format!(
                    "shipment accept-loss-act {id} --verdict liable --act kind=loss-act,number={id}"
                );
                self.decision(&line).await?;
            }
            return Ok(());
        }
        let line = format!(
            "shipment receive {id} --signed-by person:{}",
            self.chance.u16(..)
        );
        if self.decision(&line).await?.is_done() {
            *self
                .world
                .stock
                .entry((load.way.1.clone(), product))
                .or_default() += quantity;
        }
        Ok(())
    }

    /// Something is used.
    async fn consume(&mut self) -> anyhow::Result<()> {
        let there: Vec<((String, usize), i64)> = self
            .world
            .stock
            .iter()
            .filter(|((_, product), there)| **there > 0 && !self.world.products[*product].is_asset)
            .map(|(place, there)| (place.clone(), *there))
            .collect();
        let Some(((facility, product), there)) = self.any(&there) else {
            return self.bring().await;
        };
        let quantity = self.chance.i64(1..=there.min(200));
        let purpose = self
            .any(&["patient", "control", "training", "wasted"])
            .unwrap_or("patient");
        let line = format!(
            "stock consume --facility {facility} --item {} --quantity {quantity} --purpose {purpose}",
            self.world.products[product].id
        );
        // Told in time, or some days later, as what has happened already.
        let told = if self.chance.bool() {
            self.decision(&line).await?
        } else {
            self.fact(&line).await?
        };
        if told.is_done() {
            *self.world.stock.entry((facility, product)).or_default() -= quantity;
        }
        Ok(())
    }

    /// Batches are held and released, equipment is installed and breaks down, shelves are counted.
    async fn look_after(&mut self) -> anyhow::Result<()> {
        let Some((batch, store)) = self.any(&self.world.batches.clone()) else {
            return self.bring().await;
        };
        match self.chance.usize(0..5) {
            0 => {
                if self
                    .fact(&format!("batch hold {batch} --reason quality-doubt"))
                    .await?
                    .is_done()
                {
                    let line = format!(
                        "batch release {batch} --verdict tested --document kind=laboratory-report,number={batch}"
                    );
                    self.fact(&line).await?;
                }
            }
            1 => {
                self.decision(&format!(
                    "stock hold --facility {store} --batch {batch} --quantity 1 --reason damaged"
                ))
                .await?;
            }
            2 => {
                let line = format!(
                    "stock adjust --facility {store} --batch {batch} --delta=-1 --reason lost"
                );
                self.decision(&line).await?;
            }
            3 => {
                let line = format!(
                    "stock dispose --facility {store} --batch {batch} --quantity 1 --reason damaged --document kind=disposal-act,number=1"
                );
                self.decision(&line).await?;
            }
            _ => self.equip().await?,
        }
        Ok(())
    }

    async fn equip(&mut self) -> anyhow::Result<()> {
        let all: Vec<(usize, String)> = self.world.units.values().flatten().cloned().collect();
        let Some((product, serial)) = self.any(&all) else {
            return Ok(());
        };
        let unit = format!("{} {serial}", self.world.products[product].id);
        let document = "--document kind=acceptance-act,number=1";
        let repairer = self.any(&self.world.carriers.clone()).unwrap_or_default();
        let steps = [
            format!("asset put-into-service {unit} --trained person:7 --output 9.8,L2 {document}"),
            format!("asset report {unit} --condition out-of-order --fault output"),
            format!("asset send-for-repair {unit} --repairer {repairer} --on-site"),
            format!("asset end-repair {unit} --outcome repaired"),
            format!(
                "asset service {unit} --service-due {}",
                self.player.today() + Duration::days(200)
            ),
        ];
        let many = self.chance.usize(1..=steps.len());
        for step in &steps[..many] {
            if !self.decision(step).await?.is_done() {
                break;
            }
        }
        Ok(())
    }

    /// Somebody gets it wrong: an id is misread, a paper is sent in twice, a number has a digit too many.
    async fn mistake(&mut self) -> anyhow::Result<()> {
        let facility = self.any(&self.world.hospitals.clone()).unwrap_or_default();
        let number = self.chance.usize(0..self.world.products.len());
        let item = self.world.products[number].id.clone();
        let batch = self
            .any(&self.world.batches.clone())
            .map_or_else(|| "BATCH-NONE".to_owned(), |it| it.0);
        let load = self.any(&self.world.loads.clone()).map(|it| it.shipment_id);
        let load = load.unwrap_or_else(|| "WAY-NONE".to_owned());
        let gift = self
            .any(&self.world.promises.clone())
            .map(|it| it.donation_id);
        let gift = gift.unwrap_or_else(|| "GIFT-NONE".to_owned());
        let wrong = [
            format!(
                "stock consume --facility {facility} --item {item} --quantity 900000000 --purpose patient"
            ),
            format!(
                "stock consume --facility {facility}X --item {item} --quantity 1 --purpose patient"
            ),
            format!(
                "donation receive {gift} --facility {facility} --line item={item},quantity=900000000"
            ),
            format!("donation close {gift}"),
            format!("shipment receive {load} --line line=9,quantity=1"),
            format!("shipment dispatch {load} --custodian NOBODY"),
            format!("shipment allocate {load} --occurred-at 2001-01-01T00:00:00Z"),
            format!("batch release {batch} --verdict tested"),
            format!("batch hold {batch}-X --reason quality-doubt"),
            format!("request file --facility {facility} --line item={item},quantity=0"),
            format!(
                "request file --facility {facility} --line item={item},quantity=5 --needed-by 2001-01-01"
            ),
            format!(
                "shipment request --from {facility} --to {facility} --line item={item},quantity=5"
            ),
            format!("asset install {item} NO-SUCH-NUMBER"),
            format!(
                "organisation register {} --kind donor --name-en Again",
                self.world.ministry
            ),
        ];
        let line = wrong[self.chance.usize(0..wrong.len())].clone();
        self.decision(&line).await?;
        Ok(())
    }
}
