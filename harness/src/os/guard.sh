# The guardian. It reads what the lab registers; when the lab is gone, however it went, the pipe ends, and the guardian
# kills every process that is left and removes every folder that is left. Only /bin/sh, /proc, grep, ipcrm, sleep and rm.

trap '' HUP INT TERM
nl='
'
IFS=$nl
set -f
groups= folders=

without() { # list, item: the list without the item
    for each in $1; do
        [ "$each" = "$2" ] || printf '%s\n' "$each"
    done
}

while IFS=' ' read -r word value; do
    case $word in
        group) groups="$groups$nl$value" ;;
        gone) groups=$(without "$groups" "$value") ;;
        folder) folders="$folders$nl$value" ;;
        kept) folders=$(without "$folders" "$value") ;;
    esac
done

listed() { # list, item
    case "$nl$1$nl" in *"$nl$2$nl"*) return 0 ;; esac
    return 1
}

# Processes that carry a folder's mark, or are Postgres's and show the run's name in their title.
marked() {
    set +f
    for folder in $folders; do
        grep -lzxFs "OUTBOX_LAB_RUN=$folder" /proc/[0-9]*/environ
        grep -lzs "^postgres: ${folder##*/}" /proc/[0-9]*/cmdline
    done | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
    set -f
}

# Members of the groups, marked processes and all their descendants, each stopped as soon as it is found, so that none
# can start another behind the guardian's back.
gather() {
    found=$(marked)
    for pid in $found; do kill -STOP "$pid" 2>/dev/null; done
    more=yes
    while [ -n "$more" ]; do
        more=
        set +f
        for stat in /proc/[0-9]*/stat; do
            read -r line 2>/dev/null <"$stat" || continue
            pid=${line%% *} rest=${line##*) }
            state=${rest%% *} rest=${rest#* }
            parent=${rest%% *} rest=${rest#* }
            group=${rest%% *}
            [ "$pid" != $$ ] && [ "$state" != Z ] || continue
            listed "$found" "$pid" && continue
            if listed "$groups" "$group" || listed "$found" "$parent"; then
                kill -STOP "$pid" 2>/dev/null
                found="$found$nl$pid" more=yes
            fi
        done
        set -f
    done
}

# A killed Postgres leaves a small segment of shared memory; the seventh line of its pid file ends with the id.
segments() {
    set +f
    for folder in $folders; do
        for file in "$folder"/*/postmaster.pid; do
            number=0
            while read -r line; do
                number=$((number + 1))
                [ $number -eq 7 ] && ipcrm -m "${line##* }" 2>/dev/null
            done 2>/dev/null <"$file"
        done
    done
    set -f
}

rounds=0
while [ $rounds -lt 50 ]; do
    rounds=$((rounds + 1))
    gather
    for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
    for pid in $found; do kill -KILL "$pid" 2>/dev/null; done
    segments
    left=
    for folder in $folders; do
        rm -rf -- "$folder" 2>/dev/null
        [ -e "$folder" ] && left=yes
    done
    [ -z "$found$left" ] && exit 0
    # A fraction of a second is no POSIX; a whole one will do where it is not understood.
    sleep 0.02 2>/dev/null || sleep 1
done
