#!/usr/bin/env bash
# A real SLURM of one node on this machine's loopback: munge, controller, one daemon; partitions cpu and gpu, one pretended card.
# usage: slurm.sh start|stop FOLDER     (as root; no systemd, no cgroups; everything but /etc/slurm/slurm.conf lies in FOLDER)
set -euo pipefail
action=$1 folder=$2 host=$(hostname -s) port=26817 default=/etc/slurm
mkdir -p "$default"
if [ "$action" = stop ]; then
  # Another's SLURM is left alone.
  if [ "$(readlink "$default/slurm.conf")" != "$folder/slurm.conf" ]; then exit 0; fi
  # A job outlives the daemons.
  scancel --user root || true
  for _ in $(seq 1 300); do
    if [ -z "$(squeue -h 2>/dev/null)" ]; then break; fi
    sleep 0.2
  done
  for daemon in slurmd slurmctld munged; do
    if [ ! -s "$folder/$daemon.pid" ]; then continue; fi
    pid=$(cat "$folder/$daemon.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 1 50); do
      if ! kill -0 "$pid" 2>/dev/null; then break; fi
      sleep 0.2
    done
    # One that waits for its jobs would answer to the next SLURM's controller.
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -f "$default/slurm.conf" "$default/gres.conf"
  exit 0
fi
# Jobs lose SLURM_* from their environment: the default place must lead here, too. Made only where nothing is: one SLURM a machine.
ln -s "$folder/slurm.conf" "$default/slurm.conf" || { echo "a SLURM is configured here: $default/slurm.conf" >&2; exit 1; }
ln -sfn "$folder/gres.conf" "$default/gres.conf"
mkdir -p "$folder"/{state,spool,munge}
chmod 755 "$folder"
head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 600 "$folder/munge/key"
touch "$folder/card0"
memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 512))
cat > "$folder/slurm.conf" <<CONF
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
MinJobAge=3600
KillWait=30
SwitchType=switch/none
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc --all) Boards=1 SocketsPerBoard=1 CoresPerSocket=$(nproc --all) ThreadsPerCore=1 RealMemory=$memory Gres=gpu:pretended:1
PartitionName=cpu Nodes=$host Default=YES MaxTime=1-0 OverSubscribe=NO
PartitionName=gpu Nodes=$host MaxTime=1-0
CONF
echo "NodeName=$host Name=gpu Type=pretended File=$folder/card0" > "$folder/gres.conf"
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
  --log-file="$folder/munged.log" --seed-file="$folder/munge/seed" --num-threads=2
slurmctld -c -f "$folder/slurm.conf"
slurmd -f "$folder/slurm.conf" -N "$host"
for _ in $(seq 1 100); do
  if sinfo -h -o %T 2>/dev/null | grep -qE 'idle|mixed|allocated'; then exit 0; fi
  sleep 0.2
done
tail -n 5 "$folder"/slurm*.log >&2
exit 1
