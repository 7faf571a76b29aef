# What up and down share: where the lab lives, and its services by name.
# shellcheck shell=bash disable=SC2034 # most of these names are read by the scripts that source this
LAB=${LAB:-$HOME/.cache/openstack-lab}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
IP=127.0.0.1
VENV=$LAB/venv ETC=$LAB/etc LOG=$LAB/log RUN=$LAB/run DATA=$LAB/data

STORES=(mariadb rabbitmq memcached)
SERVICES=(keystone placement glance-api neutron-api nova-conductor nova-scheduler nova-compute nova-api heat-engine heat-api)
declare -A PORTS=([mariadb]=3306 [rabbitmq]=5672 [memcached]=11211 [keystone]=5000 [placement]=8778 [glance-api]=9292
  [neutron-api]=9696 [nova-api]=8774 [heat-api]=8004)

alive() { # NAME: runs since this boot; each service leads a process group of its own
  [[ -f $RUN/$1.pid ]] && kill -0 -- "-$(<"$RUN/$1.pid")" 2>/dev/null
}

answers() { # NAME: its port takes connections
  (exec 3<>"/dev/tcp/$IP/${PORTS[$1]}") 2>/dev/null
}

forget_other_boots() { # process ids of before a reboot belong to somebody else by now
  local boot=
  [[ ! -r /proc/sys/kernel/random/boot_id ]] || boot=$(</proc/sys/kernel/random/boot_id)
  if [[ -f $RUN/boot_id && $boot != "$(<"$RUN/boot_id")" ]]; then rm -f "$RUN"/*.pid; fi
  echo "$boot" >"$RUN/boot_id"
}
