"""Builds the vendor's JSON of accounts, customers, sites, devices, variables and last values."""

from datetime import UTC, datetime
from typing import Any

from .fleet import CorporateAccount, Customer, Site, SoDataDevice, Value, Variable, number_of, uuid_of

type Json = dict[str, Any]

_MODELS = {"UPS": "Masterys", "METER": "Diris", "GATEWAY": "M-Link"}
_TYPE_REFERENCES = {"UPS": "9204", "METER": "5301", "GATEWAY": "1007"}


def date_with_milliseconds(at_ms: int) -> str:
    """Format a time as in last values: 2022-07-28T11:19:25.000Z."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def date_with_seconds(at_ms: int) -> str:
    """Format a time as in data points: 2022-05-18T00:05:05Z."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_account(account: CorporateAccount) -> Json:
    """Return the JSON of a corporate account."""
    return {
        "defaultCustomerUuid": "",
        "uuid": account.uuid,
        "name": account.name,
        "activationType": "MAINTENANCE",
        "emailTo": None,
        "emailCc": None,
        "canPublish": False,
        "autoTemplateSynchro": True,
        "isMultiCustomerAccount": True,
        "active": True,
        "movingAuthorization": "CONSERVATION",
        "iconUuid": uuid_of(account.uuid, "icon"),
        "userLinks": [
            {
                "uuid": uuid_of(account.uuid, "user"),
                "status": "VALIDATED",
                "isSupport": False,
                "corporateAccountId": number_of(account.uuid),
                "userId": 4,
            }
        ],
    }


def show_customer(customer: Customer, sites_quantity: int) -> Json:
    """Return the JSON of a customer."""
    return {
        "uuid": customer.uuid,
        "emailTo": "site@example.com;night@example.com",
        "emailCc": None,
        "technicalName": customer.name.upper(),
        "name": customer.name,
        "reference": None,
        "description": "",
        "visibility": None,
        "corporateAccountId": number_of(customer.account.uuid),
        "additionalInformation": "",
        "movingAuthorization": "INHERITED",
        "corporateAccountUuid": customer.account.uuid,
        "iconUuid": uuid_of(customer.uuid, "icon"),
        "sitesQuantity": sites_quantity,
        "companyAddress": _address(customer.uuid),
        "contact": _contact(customer.uuid),
    }


def show_site(site: Site, devices_quantity: int) -> Json:
    """Return the JSON of a site."""
    return {
        "uuid": site.uuid,
        "emailTo": None,
        "emailCc": None,
        "technicalName": site.technical_name,
        "language": None,
        "name": site.name,
        "description": "",
        "configurationOptions": {},
        "activationKey": uuid_of(site.uuid, "activation"),
        "visibility": None,
        "customerId": number_of(site.customer.uuid),
        "autoGatewaysRegistration": True,
        "autoProductsRegistration": True,
        "timeZone": site.time_zone,
        "additionalInformation": "",
        "movingAuthorization": "INHERITED",
        "customerUuid": site.customer.uuid,
        "devicesQuantity": devices_quantity,
    }


def show_device(device: SoDataDevice, *, with_contact: bool = False, with_address: bool = False) -> Json:
    """Return the JSON of a device, with contact and address only on request."""
    gateway = device.gateway
    shown = {
        "uuid": device.uuid,
        "custom": {
            "socomec": {
                "deviceId": device.serial_number or "",
                "nomPowerKVA": "20000",
                "nomPowerKW": "0",
                "compatibilityVersion": "1",
            }
        },
        "emailTo": "site@example.com;night@example.com",
        "emailCc": None,
        "technicalName": f"{device.kind}_{number_of(device.uuid)}",
        "serialNumber": device.serial_number,
        "manufacturer": "Socomec",
        "modelName": _MODELS[device.kind],
        "siteUuid": device.site.uuid,
        "gatewayUuid": gateway.uuid if gateway else None,
        "gatewayId": number_of(gateway.uuid) if gateway else None,
        "status": device.status,
        "connectionStatus": device.connection_status,
        "createdAt": "2021-03-23T14:52:40.552Z",
        "owned": True,
        "deviceTypeUuid": uuid_of("type", device.kind),
        "deviceTypeReferenceId": _TYPE_REFERENCES[device.kind],
        "profilesUpToDate": device.are_profiles_current,
        "createNoCommunicationAlarm": True,
        "noCommunicationPeriod": device.no_communication_period,
        "frequencyStatus": 60,
        "frequencyStream": 60,
        "latitude": device.site.latitude,
        "longitude": device.site.longitude,
        "location": None,
        "description": None,
        "acquisitionId": None,
        "tags": None,
        "locked": False,
        "mappingMode": "SERVICE_ID",
        "creationType": "CREATED",
        "configurationKey": "SOCOMECE_DEVICE_CONNECT_001",
        "storageName": "DataHub",
        "netId": None,
        "contractNumber": None,
        "additionalInformation": "",
        "visibility": None,
        "configurationOptions": {},
        "movingAuthorization": "INHERITED",
        "iconUuid": uuid_of(device.uuid, "icon"),
    }
    if with_contact:
        shown["contact"] = _contact(device.uuid)
    if with_address:
        shown["address"] = _address(device.uuid)
    # in the vendor's example, these two come after the big blocks; clients must not rely on an order
    return shown | {"timeZone": device.site.time_zone, "name": device.name}


def show_variable(device: SoDataDevice, variable: Variable) -> Json:
    """Return the JSON of a variable."""
    item, service = variable.item, variable.service
    return {
        "uuid": variable.uuid,
        "deviceUuid": device.uuid,
        "deviceSerialNumber": device.serial_number,
        "deviceTypeUuid": uuid_of("type", device.kind),
        "label": f"{device.kind}_{number_of(device.uuid)}",
        "itemType": item.type,
        "itemIndex": str(item.index),
        "itemId": number_of(f"{item.type}{item.index}"),
        "itemUuid": uuid_of(device.uuid, item.type, str(item.index)),
        "serviceId": service.id,
        "serviceUuid": uuid_of("service", service.id),
        "serviceName": service.name,
        "serviceType": service.type,
        "serviceGroup": service.group,
        "iotGroup": None,
        "unit": service.unit,
        "severityName": "Minor" if service.type == "Alarm" else None,
        "severityLevel": 2 if service.type == "Alarm" else None,
        "coef": None,
        "offset": None,
        "baseCoef": None,
        "baseOffset": None,
        "serviceTranslations": service.translations,
        "itemServiceTranslations": None,
        "source": "PROFILE",
        "pollingTime": service.polling_seconds,
        "sendOnUpdate": service.polling_seconds == 0,
        "isComputed": service.name.endswith("_Delta"),
        "active": True,
        "streamRef": f"{item.type} {item.index} {service.id}",
        "reason": {"fromTemplate": True, "reasons": [{"value": "IS_DEFAULT"}]},
        "tags": [],
        "overrideFields": None,
        "timestampId": None,
        "configurationComputed": None,
        "compatibilityVersion": None,
        "compatibilityMin": None,
        "compatibilityMax": None,
        "manufacturer": None,
        "itemCustom": None,
        "datahubId": number_of(variable.uuid),
    }


def show_last_value(device: SoDataDevice, variable: Variable, at_ms: int, value: Value) -> Json:
    """Return one row of a device's last values."""
    item, service = variable.item, variable.service
    return {
        "serviceId": service.id,
        "itemType": item.type,
        "itemIndex": str(item.index),
        "deviceUuid": device.uuid,
        "value": value,
        "date": date_with_milliseconds(at_ms),
        "title": service.title,
        "unit": service.unit,
        "deviceName": device.name,
        "itemName": item.name,
        "serviceGroup": service.group,
        "serviceType": service.type,
    }


def _contact(owner: str) -> Json:
    return {
        "uuid": uuid_of(owner, "contact"),
        "useParent": False,
        "name": "Facility desk",
        "phone": "+33 0 00 00 00 00",
        "mobile": None,
        "email": "desk@example.com",
        "emailCC": None,
    }


def _address(owner: str) -> Json:
    return {
        "uuid": uuid_of(owner, "address"),
        "useParent": False,
        "street": "1 rue de l'Exemple",
        "postCode": "67000",
        "city": "Exempleville",
        "country": "FR",
        "state": None,
    }
