#compdef creative-s3
_creative_s3_complete() {
    local -a typed answer words_ explained beginnings fold
    local program current line
    program=${${(Q)words[1]}/#\~\//$HOME/}
    current=${(Q):-$compstate[quote]$PREFIX$compstate[quote]}
    typed=("${(@Q)words[2,CURRENT-1]}" "$current")
    (( CURRENT > 2 )) || typed=("$current")
    answer=("${(@f)$(_CREATIVE_S3_COMPLETE=zsh "$program" "${typed[@]}" 2>/dev/null)}")
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    # The first line says how; each of the others has a letter for its kind, and one possible word.
    for line in "${(@)answer[2,-1]}"; do
        case $line in
            w*) words_+=("${line[2,-1]}") ;;
            e*) explained+=("${line[2,-1]}") ;;
            b*) beginnings+=("${line[2,-1]}") ;;
        esac
    done
    fold=(-M 'm:{[:lower:][:upper:]}={[:upper:][:lower:]}')
    (( $#words_ )) && compadd "${fold[@]}" -a words_
    (( $#beginnings )) && compadd "${fold[@]}" -S '' -a beginnings
    (( $#explained )) && _describe 'creative-s3' explained
    case $answer[1] in
        files) (( $#words_ + $#beginnings )) || _files ;;
        directories) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _creative-s3 ]]; then
    _creative_s3_complete "$@"
else
    compdef _creative_s3_complete creative-s3
fi
