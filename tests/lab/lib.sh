# What up, down and service share: where the lab lives, its services by name, how each starts, is ready and stops.
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

until_true() { # SECONDS WHAT COMMAND…
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS >= deadline)); then
      echo "$what: not within its time" >&2
      return 1
    fi
    sleep 0.2
  done
}

# ---- starting ----
run() { # NAME COMMAND…: as the leader of its own process group
  local name=$1
  shift
  setsid nohup "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/$name.pid"
}

wsgi() { # NAME MODULE CONCURRENCY VARIABLE=…: an API behind uWSGI, which must not keep connections open
  local name=$1 module=$2 concurrency=$3
  shift 3
  # shellcheck disable=SC2086 # the concurrency is words
  run "$name" env "$@" "$VENV/bin/uwsgi" --http-socket "$IP:${PORTS[$name]}" --module "$module" --enable-threads \
    $concurrency --add-header "Connection: close" --die-on-term --need-app --single-interpreter --buffer-size 65535 \
    --post-buffering 65536 --disable-logging --log-5xx --procname-prefix "$name " --pyargv "${PYARGV:-}"
}

start() { # NAME: unless it runs
  alive "$1" && return
  local -x PATH=$VENV/bin:$PATH PYTHONWARNINGS=ignore
  case $1 in
    mariadb) # its data is worth nothing, so nothing waits for the disk
      run mariadb mariadbd --no-defaults --user="$(id -un)" --datadir="$DATA/mysql" --bind-address="$IP" --port=3306 \
        --socket="$RUN/mysql.sock" --pid-file="$RUN/mysqld.pid" --skip-name-resolve --skip-log-bin --max-connections=400 \
        --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 --performance-schema=0 \
        --innodb-buffer-pool-size=256M --innodb-log-file-size=64M \
        --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci ;;
    rabbitmq)
      run rabbitmq env HOSTNAME=localhost RABBITMQ_NODENAME=lab@localhost RABBITMQ_NODE_IP_ADDRESS="$IP" \
        RABBITMQ_NODE_PORT=5672 RABBITMQ_DIST_PORT=25672 ERL_EPMD_ADDRESS="$IP" RABBITMQ_PID_FILE="$RUN/rabbit-beam.pid" \
        RABBITMQ_MNESIA_BASE="$DATA/rabbit" RABBITMQ_LOG_BASE="$LOG" RABBITMQ_LOGS=- \
        RABBITMQ_CONFIG_FILE="$ETC/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$ETC/rabbit_plugins" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none" \
        /usr/lib/rabbitmq/bin/rabbitmq-server ;;
    memcached) run memcached memcached -u "$(id -un)" -l "$IP" -p 11211 -m 64 -c 1024 ;;
    # Eight threads in one Keystone raced; two processes of one thread don't.
    keystone) wsgi keystone keystone.wsgi.api:application "--master --lazy-apps --processes 2 --threads 1" OS_KEYSTONE_CONFIG_FILES="$ETC/keystone/keystone.conf" ;;
    placement) wsgi placement placement.wsgi.api:application "--threads 8" OS_PLACEMENT_CONFIG_DIR="$ETC/placement" ;;
    glance-api) wsgi glance-api glance.wsgi.api:application "--threads 8" OS_GLANCE_CONFIG_DIR="$ETC/glance" ;;
    neutron-api) wsgi neutron-api neutron.wsgi.api:application "--threads 8" OS_NEUTRON_CONFIG_DIR="$ETC/neutron" OS_NEUTRON_CONFIG_FILES=neutron.conf ;;
    nova-api) wsgi nova-api nova.wsgi.osapi_compute:application "--threads 8" OS_NOVA_CONFIG_DIR="$ETC/nova" ;;
    nova-*) run "$1" "$1" --config-file "$ETC/nova/nova.conf" ;;
    heat-api) PYARGV="--config-file $ETC/heat/heat.conf" wsgi heat-api heat.wsgi.api:application "--threads 8" ;;
    heat-engine) run heat-engine heat-engine --config-file "$ETC/heat/heat.conf" ;;
  esac
}

# ---- ready: before that the first create hangs, or says that no valid host was found ----
until_ready() { # NAME…
  local name
  for name in "$@"; do until_true 240 "$name" ready "$name"; done
}

ready() { # NAME
  case $1 in
    rabbitmq) answers rabbitmq && { ! alive nova-compute || reported nova-compute rabbitmq; } ;;
    mariadb | memcached) answers "$1" ;;
    keystone) serves keystone /v3 ;;
    nova-conductor | nova-scheduler | nova-compute | heat-engine) reported "$1" ;;
    *) serves "$1" / ;;
  esac
}

serves() { # NAME PATH: answers over HTTP, if only to say who are you
  local code
  {
    exec 3<>"/dev/tcp/$IP/${PORTS[$1]}" && printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3 && read -r -t 10 _ code _ <&3
  } 2>/dev/null && [[ $code =~ ^(200|300|401)$ ]]
}

sql() { mariadb --no-defaults -uroot -h"$IP" -P3306 -N; }
is_true() { (($(echo "$1" | sql) >= 1)); }

reported() { # NAME [OTHER]: signed its row since it started, or since the other one did
  local since rows="nova.services where \`binary\` = '$1'"
  if [[ $1 == heat-engine ]]; then rows="heat.service where deleted_at is null"; fi
  since=$(date -u -d "@$(stat -c %Y "$RUN/${2:-$1}.pid")" "+%Y-%m-%d %H:%M:%S")
  is_true "select count(*) from $rows and greatest(created_at, coalesce(updated_at, created_at)) >= '$since'"
}

# ---- stopping ----
send() { # SIGNAL NAME…: to those that run
  local signal=$1 name
  shift
  for name in "$@"; do
    if alive "$name"; then kill "-$signal" -- "-$(<"$RUN/$name.pid")"; fi
  done
}

stop() { # NAME…: at most 15 s of patience for all of them together
  local name deadline=$((SECONDS + 15))
  send TERM "$@"
  for name in "$@"; do
    while alive "$name" && ((SECONDS < deadline)); do sleep 0.1; done
    send KILL "$name"
    rm -f "$RUN/$name.pid"
  done
}
