# bash completion for creative-s3
_creative_s3_complete() {
    local answer line
    COMPREPLY=()
    answer=$(
        _CREATIVE_S3_COMPLETE=bash \
        _CREATIVE_S3_LINE="${COMP_LINE:0:COMP_POINT}" \
        _CREATIVE_S3_BREAKS="$COMP_WORDBREAKS" \
        "${1/#\~\//$HOME/}" 2>/dev/null
    )
    # The first line says how; one possible word follows on each of the others, quoted.
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done <<<"$answer"
    line=${COMPREPLY[0]}
    COMPREPLY=("${COMPREPLY[@]:1}")
    case $line in
        files) compopt -o default 2>/dev/null ;;
        directories) compopt -o dirnames 2>/dev/null ;;
        continued) compopt -o nospace 2>/dev/null ;;
    esac
}
complete -F _creative_s3_complete creative-s3
