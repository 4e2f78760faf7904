#!/bin/bash
# A whole Ceph on this machine, with its S3 gateway: ceph.sh FOLDER GATEWAY_PORT MONITOR_PORT NAME SECRET
#
# One monitor, one disk in memory, one gateway. It says "ready", and ends when its standard input does.
set -e
cd "$1"
mkdir disk monitor gateway
fsid=$(cat /proc/sys/kernel/random/uuid)
cat > ceph.conf <<EOF
[global]
fsid = $fsid
mon_host = [v2:127.0.0.1:$3]
mon_initial_members = a
# Without authentication the gateway never starts.
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = $1/keyring
run_dir = $1
log_file = $1/\$name.log
pid_file = $1/\$name.pid
admin_socket = $1/\$name.asok
mon_data = $1/monitor
mon_allow_pool_size_one = true
osd_data = $1/disk
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
[client.gateway]
rgw_data = $1/gateway
rgw_frontends = beast endpoint=127.0.0.1:$2
rgw_run_sync_thread = false
EOF
export CEPH_CONF=$1/ceph.conf
exec 3>&1 >&2
ceph-authtool --create-keyring keyring --gen-key --name mon. --cap mon 'allow *'
ceph-authtool keyring --gen-key --name client.admin --cap mon 'allow *' --cap osd 'allow *'
ceph-authtool keyring --gen-key --name osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
ceph-authtool keyring --gen-key --name client.gateway --cap mon 'allow rwx' --cap osd 'allow rwx'
monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$3]" monmap
ceph-mon --mkfs --id a --monmap monmap --keyring keyring
trap 'kill $(jobs -p); wait' EXIT
ceph-mon --id a --foreground &
disk=$(cat /proc/sys/kernel/random/uuid)
timeout 60 ceph osd new "$disk"
ceph-osd --id 0 --mkfs --osd-uuid "$disk"
ceph-osd --id 0 --foreground &
radosgw --name client.gateway --foreground &
timeout 60 radosgw-admin user create --uid=cuff --display-name=cuff --access-key="$4" --secret-key="$5"
until curl --silent --output /dev/null "http://127.0.0.1:$2"; do sleep 0.2; done
echo ready >&3
exec 3>&-
cat
