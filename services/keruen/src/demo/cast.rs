//! Who and what appears in the story: organisations, commodities, items and facilities.

use anyhow::Context as _;
use keruen_proto::registry::v1::{
    Commodity, Facility, FacilityKind, GeoPoint, Item, LocalizedText, Organisation,
    OrganisationKind, RegionAssignment, RegisterCommodityRequest, RegisterFacilityRequest,
    RegisterItemRequest, RegisterOrganisationRequest, SiteData, SiteNeeds, StorageRange, Tracking,
};
use serde::Deserialize;

use super::player::{Player, step};

/// The central warehouse to which Kaspi's and Degdar's donations go.
pub const CENTRAL: &str = "ALMATY-CENTRAL";
/// The Ministry's warehouse.
pub const MINISTRY_STORE: &str = "ASTANA-MOH";
/// The yard of the plant where the vehicles are built.
pub const PLANT: &str = "SARYARKA-AUTO";

/// A facility of the story.
#[derive(Debug, Deserialize)]
pub struct Site {
    /// Its code.
    pub facility_id: String,
    kind: String,
    /// Its region.
    pub region_id: String,
    operator_id: String,
    name_en: String,
    name_kk: String,
    name_ru: String,
    /// Latitude in 1e-4 degrees.
    latitude_e4: i32,
    /// Longitude in 1e-4 degrees.
    longitude_e4: i32,
    /// How many of Kaspi's tests it is sent, if it is the warehouse of a region; else 0 (illustrative).
    pub tests: i64,
}

/// All facilities; first the warehouses of the twenty regions.
pub fn sites() -> anyhow::Result<Vec<Site>> {
    csv::Reader::from_reader(include_str!("facilities.csv").as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .context("the story's list of facilities is malformed")
}

fn text([en, kk, ru]: [&str; 3]) -> LocalizedText {
    LocalizedText {
        en: en.to_owned(),
        kk: kk.to_owned(),
        ru: ru.to_owned(),
    }
}

/// Enters everybody and everything in the registry.
pub async fn register(player: &mut Player, sites: &[Site]) -> anyhow::Result<()> {
    organisations(player).await?;
    products(player).await?;
    facilities(player, sites).await
}

async fn organisations(player: &mut Player) -> anyhow::Result<()> {
    use OrganisationKind::{Charity, Donor, Hospital, Ministry, Supplier, VolunteerGroup};
    let organisations: [(&str, [&str; 3], &[OrganisationKind]); 9] = [
        (
            "KASPI",
            ["Kaspi Bank", "Kaspi Bank", "Kaspi Bank"],
            &[Donor],
        ),
        (
            "UTEMURATOV",
            [
                "Bulat Utemuratov Fund",
                "Болат Өтемұратов қоры",
                "Фонд Булата Утемуратова",
            ],
            &[Donor, Charity],
        ),
        (
            "DEGDAR",
            ["Degdar Fund", "«Дегдар» қоры", "Фонд «Дегдар»"],
            &[Donor, Charity],
        ),
        (
            "MOH",
            [
                "Ministry of Health",
                "Денсаулық сақтау министрлігі",
                "Министерство здравоохранения",
            ],
            &[Ministry],
        ),
        (
            "REGIONS",
            [
                "Regional front offices",
                "Өңірлік фронт-офистер",
                "Региональные фронт-офисы",
            ],
            &[Charity],
        ),
        (
            "HOSPITALS",
            [
                "Regional hospitals",
                "Өңірлік ауруханалар",
                "Региональные больницы",
            ],
            &[Hospital],
        ),
        (
            "SARYARKA",
            [
                "Saryarka-Auto plant",
                "«СарыарқаАвто» зауыты",
                "Завод «СарыаркаАвто»",
            ],
            &[Supplier],
        ),
        (
            "LAB-MAKER",
            [
                "Maker of mobile laboratories",
                "Жылжымалы зертхана өндірушісі",
                "Производитель мобильных лабораторий",
            ],
            &[Supplier],
        ),
        (
            "VOLUNTEERS",
            [
                "Volunteer drivers",
                "Ерікті жүргізушілер",
                "Водители-волонтёры",
            ],
            &[VolunteerGroup],
        ),
    ];
    for (id, name, kinds) in organisations {
        let organisation = Organisation {
            organisation_id: id.to_owned(),
            name: Some(text(name)),
            kinds: kinds.iter().map(|kind| i32::from(*kind)).collect(),
            ..Organisation::default()
        };
        step!(
            player,
            "registrar",
            &format!("register organisation {id}"),
            registry.register_organisation,
            RegisterOrganisationRequest {
                organisation: Some(organisation)
            }
        )?;
    }
    Ok(())
}

async fn products(player: &mut Player) -> anyhow::Result<()> {
    let commodities = [
        (
            "TEST-SARS2",
            ["SARS-CoV-2 test", "SARS-CoV-2 тесті", "Тест на SARS-CoV-2"],
        ),
        (
            "LAB-PCR-MOBILE",
            [
                "Mobile PCR laboratory",
                "Жылжымалы ПТР зертханасы",
                "Мобильная ПЦР-лаборатория",
            ],
        ),
        (
            "O2-CONCENTRATOR",
            [
                "Oxygen concentrator",
                "Оттегі концентраторы",
                "Кислородный концентратор",
            ],
        ),
        (
            "VENTILATOR",
            [
                "Ventilator",
                "Өкпені жасанды желдету аппараты",
                "Аппарат ИВЛ",
            ],
        ),
        (
            "VEHICLE-RRV",
            [
                "Rapid response vehicle",
                "Жедел ден қою көлігі",
                "Автомобиль быстрого реагирования",
            ],
        ),
    ];
    for (id, name) in commodities {
        let commodity = Commodity {
            commodity_id: id.to_owned(),
            name: Some(text(name)),
            base_unit: "EA".to_owned(),
            ..Commodity::default()
        };
        step!(
            player,
            "registrar",
            &format!("register commodity {id}"),
            registry.register_commodity,
            RegisterCommodityRequest {
                commodity: Some(commodity)
            }
        )?;
    }
    for item in items() {
        let name = format!("register item {}", item.item_id);
        step!(
            player,
            "registrar",
            &name,
            registry.register_item,
            RegisterItemRequest { item: Some(item) }
        )?;
    }
    Ok(())
}

fn items() -> [Item; 6] {
    let test = |id: &str, name: [&str; 3]| Item {
        item_id: id.to_owned(),
        commodity_id: "TEST-SARS2".to_owned(),
        name: Some(text(name)),
        tracking: Tracking::Batch.into(),
        expires: true,
        storage: Some(StorageRange {
            minimum_millicelsius: 2_000,
            maximum_millicelsius: 30_000,
        }),
        ..Item::default()
    };
    let asset = |id: &str, commodity: &str, name: [&str; 3], maker: &str, model: &str| Item {
        item_id: id.to_owned(),
        commodity_id: commodity.to_owned(),
        name: Some(text(name)),
        tracking: Tracking::Serial.into(),
        manufacturer: maker.to_owned(),
        model: model.to_owned(),
        ..Item::default()
    };
    let mains = SiteNeeds {
        mains_voltage_v: 230,
        mains_frequency_hz: 50,
        ..SiteNeeds::default()
    };
    [
        test(
            "SARS2-RAPID",
            ["Rapid test", "Жылдам тест", "Экспресс-тест"],
        ),
        test("SARS2-PCR", ["PCR test", "ПТР тесті", "ПЦР-тест"]),
        asset(
            "PCR-LAB",
            "LAB-PCR-MOBILE",
            [
                "Mobile PCR laboratory",
                "Жылжымалы ПТР зертханасы",
                "Мобильная ПЦР-лаборатория",
            ],
            "Illustrative",
            "ML-1",
        ),
        Item {
            site_needs: Some(mains),
            ..asset(
                "O2-10L",
                "O2-CONCENTRATOR",
                [
                    "Oxygen concentrator, 10 l/min",
                    "Оттегі концентраторы, 10 л/мин",
                    "Кислородный концентратор, 10 л/мин",
                ],
                "Illustrative",
                "OC-10",
            )
        },
        Item {
            site_needs: Some(SiteNeeds {
                oxygen_supply: true,
                ..mains
            }),
            ..asset(
                "VENT-ICU",
                "VENTILATOR",
                [
                    "Ventilator for intensive care",
                    "Қарқынды терапия ӨЖЖ аппараты",
                    "Аппарат ИВЛ для реанимации",
                ],
                "Illustrative",
                "V-7",
            )
        },
        asset(
            "RRV",
            "VEHICLE-RRV",
            [
                "Rapid response vehicle",
                "Жедел ден қою көлігі",
                "Автомобиль быстрого реагирования",
            ],
            "Saryarka-Auto",
            "RRV",
        ),
    ]
}

async fn facilities(player: &mut Player, sites: &[Site]) -> anyhow::Result<()> {
    for site in sites {
        let name = format!("register facility {}", site.facility_id);
        let facility = site.facility()?;
        step!(
            player,
            "registrar",
            &name,
            registry.register_facility,
            RegisterFacilityRequest {
                facility: Some(facility)
            }
        )?;
    }
    Ok(())
}

impl Site {
    fn facility(&self) -> anyhow::Result<Facility> {
        let kind = FacilityKind::from_str_name(&format!("FACILITY_KIND_{}", self.kind))
            .with_context(|| format!("{} is no kind of facility", self.kind))?;
        Ok(Facility {
            facility_id: self.facility_id.clone(),
            name: Some(text([&self.name_en, &self.name_kk, &self.name_ru])),
            kind: kind.into(),
            regions: vec![RegionAssignment {
                region_id: self.region_id.clone(),
                valid_from: String::new(),
            }],
            time_zone: "Asia/Almaty".to_owned(),
            operator_id: self.operator_id.clone(),
            location: Some(GeoPoint {
                latitude_e7: self.latitude_e4 * 1_000,
                longitude_e7: self.longitude_e4 * 1_000,
            }),
            site: (kind == FacilityKind::Hospital).then(|| SiteData {
                mains_voltage_v: 230,
                mains_frequency_hz: 50,
                ..SiteData::default()
            }),
            ..Facility::default()
        })
    }
}
