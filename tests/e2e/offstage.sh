# Functions for the shell of test_runbooks.py: what the reader of a page does not see, or has already.

# hand_to_systemd CORE PID: gives systemd-coredump a core that the kernel wrote of PID, as the kernel
# itself does where core_pattern says so. It asks /proc/PID who that was, so the same program is
# started anew under the same id.
hand_to_systemd() {
    mkdir -p /var/lib/systemd/coredump /run/systemd/journal
    mount -t tmpfs none /sys
    mkdir -p /sys/fs/cgroup
    mount -t cgroup2 -o ro none /sys/fs/cgroup
    systemd-machine-id-setup
    /lib/systemd/systemd-journald > /dev/null 2>&1 &
    until [ -S /run/systemd/journal/socket ]; do sleep 0.1; done
    systemd-socket-activate --accept --seqpacket --listen /run/systemd/coredump \
        /lib/systemd/systemd-coredump > /dev/null 2>&1 &
    until [ -S /run/systemd/coredump ]; do sleep 0.1; done
    (
        cd /srv/videoin
        echo $(($2 - 1)) > /proc/sys/kernel/ns_last_pid
        /opt/python2.7/bin/python2.7 -Bu /srv/videoin/entry.py &
        [ $! = "$2" ] || exit
        until [ "$(readlink /proc/$!/exe)" = /opt/python2.7/root/usr/bin/python2.7 ]; do sleep 0.1; done
        /lib/systemd/systemd-coredump "$2" 0 0 6 "$(date +%s)" 18446744073709551615 worker < "$1"
        kill -KILL $!
    )
    until coredumpctl --quiet list > /dev/null 2>&1; do sleep 0.1; done
}

# start_container: the worker in mount and pid namespaces and a root of its own, which alone has its
# interpreter in /opt; from /srv/copy, where the page has moved it.
start_container() {
    mkdir -p /srv/image/usr /srv/image/opt /srv/image/srv /srv/image/proc /srv/image/var /srv/image/dev
    for name in bin lib lib64; do ln -s usr/$name /srv/image/$name; done
    unshare --mount --pid --fork --kill-child sh -c '
        for name in usr var dev; do mount --bind /$name /srv/image/$name; done
        mount --bind /srv/copy/opt /srv/image/opt
        mkdir /srv/image/srv/videoin
        cp /srv/ready.py /srv/image/srv
        cp /srv/spool_worker/*.py /srv/image/srv/videoin
        mount -t proc proc /srv/image/proc
        exec chroot /srv/image env --chdir=/srv/videoin \
            /opt/python2.7/bin/python2.7 -Bu /srv/videoin/entry.py' > /dev/null &
    until worker=$(pgrep -x python2.7) &&
        [ "$(cut -d ' ' -f 1 /proc/$worker/task/*/syscall | xargs)" = "202 202" ]; do sleep 0.1; done
}
