"""Writes the lab's configuration: python configure.py FOLDER. Everything listens on loopback only."""

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

IP = "127.0.0.1"
KEYSTONE = f"http://{IP}:5000"
PASSWORD = "lab"
REGION = "RegionOne"
QUEUE = f"rabbit://guest:guest@{IP}:5672/"

Section = dict[str, object]
File = dict[str, Section]

HERE = Path(__file__).parent
LAB = Path(sys.argv[1])
ETC, DATA, VENV = LAB / "etc", LAB / "data", LAB / "venv"


def database(name: str, pool: int = 10) -> Section:
    """Where a service keeps its tables."""
    return {
        "connection": f"mysql+pymysql://root@{IP}:3306/{name}?charset=utf8",
        "max_pool_size": pool,
        "max_overflow": 20,
    }


def credentials(user: str) -> Section:
    """How a service signs in to another."""
    return {
        "auth_url": f"{KEYSTONE}/v3",
        "auth_type": "password",
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def tokens(user: str, service_type: str) -> Section:
    """How a service checks the tokens that it is shown."""
    return credentials(user) | {
        "www_authenticate_uri": f"{KEYSTONE}/v3",
        "memcached_servers": f"{IP}:11211",
        "token_cache_time": 300,
        "service_token_roles": "service",
        "service_token_roles_required": True,
        "service_type": service_type,
    }


def shared(user: str, service_type: str, tables: str | None = None) -> File:
    """The sections that every service has."""
    return {
        "database": database(tables or user),
        "keystone_authtoken": tokens(user, service_type),
        "oslo_concurrency": {"lock_path": DATA / "lock"},
        "oslo_messaging_rabbit": {"heartbeat_in_pthread": False},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def keystone() -> File:
    """Identity: tokens of an hour, cheap password hashes."""
    return {
        "DEFAULT": {"public_endpoint": KEYSTONE},
        "database": database("keystone"),
        "token": {"provider": "fernet", "expiration": os.environ.get("TOKEN_SECONDS", "3600")},
        "fernet_tokens": {"key_repository": DATA / "fernet"},
        "credential": {"key_repository": DATA / "credkeys"},
        "cache": {"enabled": True, "backend": "dogpile.cache.pymemcache", "memcache_servers": f"{IP}:11211"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "identity": {"password_hash_rounds": 4},
    }


def glance() -> File:
    """Images, as files."""
    return shared("glance", "image") | {
        "DEFAULT": {
            "enabled_backends": "file:file",
            "workers": 1,
            "node_staging_uri": f"file://{DATA}/glance-staging",
        },
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": DATA / "glance"},
        "os_glance_staging_store": {"filesystem_store_datadir": DATA / "glance-staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": DATA / "glance-tasks"},
        "paste_deploy": {"flavor": "keystone", "config_file": VENV / "etc/glance/glance-api-paste.ini"},
    }


def placement() -> File:
    """What the compute host has."""
    sections = shared("placement", "placement")
    return sections | {"placement_database": sections["database"], "api": {"auth_strategy": "keystone"}}


def nova() -> File:
    """Servers that are ACTIVE at once and never boot: the fake driver whose host survives a restart."""
    return shared("nova", "compute") | {
        "DEFAULT": {
            "host": "lab-host",
            "my_ip": IP,
            "compute_driver": "fake.FakeDriverWithoutFakeNodes",
            "state_path": DATA / "nova",
            "instances_path": DATA / "nova/instances",
            "transport_url": QUEUE,
            "report_interval": 2,
            "service_down_time": 60,
            "update_resources_interval": 300,
            "vif_plugging_is_fatal": False,
            "vif_plugging_timeout": 0,
            "allow_resize_to_same_host": True,
            "osapi_max_limit": 1000,
            "default_log_levels": "amqp=WARN,sqlalchemy=WARN,oslo.messaging=INFO,keystonemiddleware=WARN",
        },
        "api_database": database("nova_api"),
        "service_user": {"send_service_user_token": True} | credentials("nova"),
        "placement": credentials("placement"),
        "glance": credentials("nova"),
        "neutron": credentials("neutron"),
        "cinder": {"os_region_name": REGION},
        "vnc": {"enabled": True, "novncproxy_base_url": f"http://{IP}:6080/vnc_auto.html"},
        "scheduler": {"workers": 1},
        "conductor": {"workers": 1},
        "upgrade_levels": {"compute": "auto"},
        "compute": {"provider_config_location": ETC / "nova/provider_config"},
        "pci": {
            "alias": json.dumps(
                {"vendor_id": "10de", "product_id": "2335", "device_type": "type-PCI", "name": "h200"}
            )
        },
        "quota": {"instances": 200, "cores": 1000, "ram": 2000000, "key_pairs": 1000},
        "os_brick": {"lock_path": DATA / "lock"},
    }


# Nova reads what GPUs its host has from a file of its own.
GPUS = """\
meta: {schema_version: '1.0'}
providers:
  - identification: {uuid: $COMPUTE_NODE}
    inventories:
      additional:
        - CUSTOM_GPU_H200: {total: 8, min_unit: 1, max_unit: 8, step_size: 1}
"""


def neutron() -> File:
    """Networks without a data plane: labbind.py binds every port at once."""
    return shared("neutron", "network") | {
        "DEFAULT": {
            "core_plugin": "ml2",
            "service_plugins": "router",
            "host": "lab-host",
            "bind_host": IP,
            "state_path": DATA / "neutron",
            "transport_url": QUEUE,
            "api_paste_config": VENV / "etc/neutron/api-paste.ini",
            "auth_strategy": "keystone",
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": False,
            "dhcp_agent_notification": False,
            "rpc_workers": 0,
        },
        "quotas": {
            "quota_port": 1000,
            "quota_floatingip": 500,
            "quota_security_group": 500,
            "quota_security_group_rule": 5000,
        },
        "ml2": {
            "type_drivers": "flat,vlan,vxlan,local",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "labbind",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "public"},
        "ml2_type_vxlan": {"vni_ranges": "1:4000"},
        "securitygroup": {"enable_security_group": True},
    }


def heat() -> File:
    """Stacks. Restricted application credentials need `password`; failures come at once, without retries."""
    return shared("heat", "orchestration") | {
        "DEFAULT": {
            "transport_url": QUEUE,
            "host": "lab-host",
            "num_engine_workers": 1,
            "heat_metadata_server_url": f"http://{IP}:8000",
            "heat_waitcondition_server_url": f"http://{IP}:8000/v1/waitcondition",
            "stack_user_domain_name": "heat",
            "stack_domain_admin": "heat_domain_admin",
            "stack_domain_admin_password": PASSWORD,
            "auth_encryption_key": "0123456789abcdef0123456789abcdef",
            "deferred_auth_method": os.environ.get("HEAT_DEFERRED", "password"),
            "max_stacks_per_tenant": 2000,
            "action_retry_limit": 0,
            "environment_dir": DATA / "heat/env",
            "template_dir": DATA / "heat/tpl",
            "plugin_dirs": "",
            "region_name_for_services": REGION,
        },
        "paste_deploy": {"api_paste_config": VENV / "etc/heat/api-paste.ini"},
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
        "clients_keystone": {"auth_uri": KEYSTONE},
        "trustee": {
            "auth_type": "password",
            "auth_url": KEYSTONE,
            "username": "heat",
            "password": PASSWORD,
            "user_domain_name": "Default",
        },
    }


RABBITMQ = """\
loopback_users = none
log.console.level = warning
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
"""


def clouds() -> str:
    """For the command line: OS_CLIENT_CONFIG_FILE=…/clouds.yaml openstack --os-cloud a …"""
    names = {"a": ("user-a", "tenant-a"), "b": ("user-b", "tenant-b"), "admin": ("admin", "admin")}
    entries = {
        name: {
            "region_name": REGION,
            "auth": {
                "auth_url": f"{KEYSTONE}/v3",
                "username": user,
                "password": PASSWORD,
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
        }
        for name, (user, project) in names.items()
    }
    return json.dumps({"clouds": entries}, indent=2)  # JSON is YAML too


def write(path: Path, content: File | str) -> None:
    """An ini file, or a text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        lines = []
        for section, options in content.items():
            lines += [f"[{section}]", *(f"{name} = {value}" for name, value in options.items()), ""]
        content = "\n".join(lines)
    path.write_text(content, encoding="utf-8")


def install_port_driver() -> None:
    """A module and a hand-made dist-info in the lab's own environment: nothing to build."""
    packages = Path(sysconfig.get_path("purelib"))
    about = packages / "labbind-1.0.dist-info"
    shutil.copy(HERE / "labbind.py", packages)
    write(about / "METADATA", "Metadata-Version: 2.1\nName: labbind\nVersion: 1.0\n")
    write(about / "entry_points.txt", "[neutron.ml2.mechanism_drivers]\nlabbind = labbind:LabBind\n")
    write(
        about / "RECORD",
        "".join(
            f"{name},,\n"
            for name in ("labbind.py", f"{about.name}/METADATA", f"{about.name}/entry_points.txt")
        ),
    )


def main() -> None:
    """Everything, each time: it takes no time and an older lab is brought up to date by it."""
    folders = ("glance", "nova/instances", "lock", "fernet", "credkeys", "neutron", "heat/env", "heat/tpl")
    for folder in folders:
        (DATA / folder).mkdir(parents=True, exist_ok=True)
    write(ETC / "keystone/keystone.conf", keystone())
    write(ETC / "glance/glance-api.conf", glance())
    write(ETC / "placement/placement.conf", placement())
    write(ETC / "nova/nova.conf", nova())
    write(ETC / "nova/provider_config/gpu.yaml", GPUS)
    shutil.copy(VENV / "etc/nova/api-paste.ini", ETC / "nova/api-paste.ini")
    write(ETC / "neutron/neutron.conf", neutron())
    write(ETC / "heat/heat.conf", heat())
    write(ETC / "rabbitmq.conf", RABBITMQ)
    write(ETC / "rabbit_plugins", "[].\n")
    write(LAB / "clouds.yaml", clouds())
    install_port_driver()


if __name__ == "__main__":
    main()
