//! Who and what there is in a made-up world, and what is known of its stock and papers while the month goes on.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::player::Player;

/// At scale 1.
const ORGANISATIONS: f64 = 200.0;
const FACILITIES: f64 = 60.0;
const ITEMS: f64 = 40.0;
const COMMODITIES: f64 = 12.0;
const VEHICLES: f64 = 20.0;
const VOLUNTEERS: f64 = 30.0;

/// Regions that existed all the time, and the time zone of their seat.
const REGIONS: &[(&str, &str)] = &[
    ("KZ-71", "Asia/Almaty"),
    ("KZ-75", "Asia/Almaty"),
    ("KZ-79", "Asia/Almaty"),
    ("KZ-11", "Asia/Almaty"),
    ("KZ-15", "Asia/Aqtobe"),
    ("KZ-19", "Asia/Almaty"),
    ("KZ-23", "Asia/Atyrau"),
    ("KZ-27", "Asia/Oral"),
    ("KZ-31", "Asia/Almaty"),
    ("KZ-35", "Asia/Almaty"),
    ("KZ-39", "Asia/Qostanay"),
    ("KZ-43", "Asia/Qyzylorda"),
    ("KZ-47", "Asia/Aqtau"),
    ("KZ-55", "Asia/Almaty"),
    ("KZ-59", "Asia/Almaty"),
    ("KZ-63", "Asia/Almaty"),
];

/// An item.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its code.
    pub id: String,
    /// What it serves.
    pub commodity_id: String,
    /// Whether its units have serial numbers.
    pub is_asset: bool,
    /// Whether its batches expire.
    pub expires: bool,
}

/// A need that a hospital has told.
#[derive(Clone, Debug)]
pub struct Need {
    /// Its id.
    pub request_id: String,
    /// Who asks.
    pub facility_id: String,
    /// For what: the number of a product.
    pub product: usize,
    /// For how many.
    pub quantity: i64,
    /// Whether it was approved.
    pub is_approved: bool,
}

/// A shipment that is not over yet.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its id.
    pub shipment_id: String,
    /// Where it comes from and where it goes.
    pub way: (String, String),
    /// The number of a product, and how many.
    pub goods: (usize, i64),
    /// How far it is: asked for, allocated or on its way.
    pub step: u8,
}

/// A donation of which more is to come.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Its id.
    pub donation_id: String,
    /// The number of a product.
    pub product: usize,
    /// How much has not come yet.
    pub left: i64,
}

/// The world, as those who live in it know it.
pub struct World {
    seed: u64,
    counts: [usize; 6],
    /// Ids that were given away.
    ids: u64,
    /// Organisations that give.
    pub donors: Vec<String>,
    /// Organisations that carry.
    pub carriers: Vec<String>,
    /// The ministry.
    pub ministry: String,
    /// Where goods are kept.
    pub stores: Vec<String>,
    /// Where they are used.
    pub hospitals: Vec<String>,
    /// Items.
    pub products: Vec<Product>,
    /// How much is where, by facility and number of the product, as far as anybody knows.
    pub stock: BTreeMap<(String, usize), i64>,
    /// Units with serial numbers by facility: number of the product and serial number.
    pub units: BTreeMap<String, Vec<(usize, String)>>,
    /// What was asked for.
    pub needs: Vec<Need>,
    /// What is on its way.
    pub loads: Vec<Load>,
    /// What was promised.
    pub promises: Vec<Promise>,
    /// Batches that came, with the facility to which they came.
    pub batches: Vec<(String, String)>,
}

impl World {
    /// A world of a size.
    pub fn draw(_chance: &mut fastrand::Rng, seed: u64, scale: f64) -> Self {
        let count = |at_scale_1: f64, least: f64| {
            // A few thousand at most, and never negative.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small and positive"
            )]
            let count = (at_scale_1 * scale).ceil().max(least) as usize;
            count
        };
        Self {
            seed,
            counts: [
                count(ORGANISATIONS, 6.0),
                count(FACILITIES, 4.0),
                count(COMMODITIES, 2.0),
                count(ITEMS, 4.0),
                count(VEHICLES, 1.0),
                count(VOLUNTEERS, 1.0),
            ],
            ids: 0,
            donors: Vec::new(),
            carriers: Vec::new(),
            ministry: String::new(),
            stores: Vec::new(),
            hospitals: Vec::new(),
            products: Vec::new(),
            stock: BTreeMap::new(),
            units: BTreeMap::new(),
            needs: Vec::new(),
            loads: Vec::new(),
            promises: Vec::new(),
            batches: Vec::new(),
        }
    }

    /// A code that nothing else has.
    pub fn new_id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}-G{}-{}", self.seed, self.ids)
    }

    /// Enters everybody and everything, before the month begins.
    pub async fn enter(&mut self, player: &mut Player, day: NaiveDate) -> anyhow::Result<()> {
        let at = Some(day.and_hms_opt(6, 0, 0).unwrap_or_default().and_utc());
        let [
            organisations,
            facilities,
            commodities,
            items,
            vehicles,
            volunteers,
        ] = self.counts;
        self.enter_organisations(player, at, organisations).await?;
        self.enter_facilities(player, at, facilities).await?;
        self.enter_items(player, at, commodities, items).await?;
        self.enter_crews(player, at, vehicles, volunteers).await
    }

    async fn enter_organisations(
        &mut self,
        player: &mut Player,
        at: Option<DateTime<Utc>>,
        count: usize,
    ) -> anyhow::Result<()> {
        for number in 0..count {
            let id = self.new_id("ORG");
            let kinds = match number % 10 {
                0 if number == 0 => "--kind ministry",
                1 | 2 => "--kind carrier",
                3 => "--kind volunteer-group --kind carrier",
                4 => "--kind charity --kind donor",
                5 => "--kind hospital",
                _ => "--kind donor",
            };
            let line =
                format!("organisation register {id} {kinds} --name-en 'Organisation {number}'");
            player.tell("generate:registry", at, &line).await?;
            match kinds {
                "--kind ministry" => self.ministry = id,
                kinds if kinds.contains("carrier") => self.carriers.push(id),
                kinds if kinds.contains("donor") => self.donors.push(id),
                _ => {}
            }
        }
        Ok(())
    }

    async fn enter_facilities(
        &mut self,
        player: &mut Player,
        at: Option<DateTime<Utc>>,
        count: usize,
    ) -> anyhow::Result<()> {
        for number in 0..count {
            let (region, zone) = REGIONS[number % REGIONS.len()];
            let is_store = number % 5 == 0;
            let kind = match number % 5 {
                0 => "warehouse",
                4 if number % 2 == 0 => "laboratory",
                _ => "hospital",
            };
            let id = self.new_id(if is_store { "STORE" } else { "HOSP" });
            let operator = self.donors[number % self.donors.len()].clone();
            let line = format!(
                "facility register {id} --kind {kind} --name-en 'Facility {number}' --region {region} --time-zone {zone} \
                 --operator {operator} --mains-voltage 230 --oxygen-supply true"
            );
            player.tell("generate:registry", at, &line).await?;
            if is_store {
                self.stores.push(id);
            } else {
                self.hospitals.push(id);
            }
        }
        Ok(())
    }

    async fn enter_items(
        &mut self,
        player: &mut Player,
        at: Option<DateTime<Utc>>,
        commodities: usize,
        items: usize,
    ) -> anyhow::Result<()> {
        let mut needs = Vec::new();
        for number in 0..commodities {
            let id = self.new_id("NEED");
            let line = format!("commodity register {id} --name-en 'Need {number}' --base-unit EA");
            player.tell("generate:registry", at, &line).await?;
            needs.push(id);
        }
        for number in 0..items {
            let id = self.new_id("ITEM");
            let commodity_id = needs[number % needs.len()].clone();
            let is_asset = number % 4 == 3;
            let expires = number % 4 == 1;
            let tracking = if is_asset {
                format!(
                    "--tracking serial --manufacturer 'Maker {}' --model {id}",
                    number % 7
                )
            } else if expires {
                "--tracking batch --expires --storage 2..30 --pack BOX=25".to_owned()
            } else {
                "--tracking batch --pack BOX=10".to_owned()
            };
            let line = format!(
                "item register {id} --commodity {commodity_id} --name-en 'Item {number}' {tracking}"
            );
            player.tell("generate:registry", at, &line).await?;
            self.products.push(Product {
                id,
                commodity_id,
                is_asset,
                expires,
            });
        }
        Ok(())
    }

    async fn enter_crews(
        &mut self,
        player: &mut Player,
        at: Option<DateTime<Utc>>,
        vehicles: usize,
        volunteers: usize,
    ) -> anyhow::Result<()> {
        let mut crews = Vec::new();
        for number in 0..vehicles {
            let owner = self.carriers[number % self.carriers.len()].clone();
            let (vehicle, crew) = (self.new_id("VAN"), self.new_id("CREW"));
            for line in [
                format!(
                    "vehicle register {vehicle} --kind refrigerated --owner {owner} --capacity-kg 900 --cold-box 2..8"
                ),
                format!(
                    "crew register {crew} --name-en 'Crew {number}' --organisation {owner} --vehicle {vehicle}"
                ),
            ] {
                player.tell("generate:registry", at, &line).await?;
            }
            crews.push((crew, owner));
        }
        for number in 0..volunteers {
            let (crew, owner) = crews[number % crews.len()].clone();
            let id = self.new_id("VOL");
            for line in [
                format!(
                    "volunteer register {id} --person person:{id} --organisation {owner} --skill drives-cars"
                ),
                format!("volunteer assign {id} {crew} --role driver"),
            ] {
                player.tell("generate:registry", at, &line).await?;
            }
        }
        Ok(())
    }
}
