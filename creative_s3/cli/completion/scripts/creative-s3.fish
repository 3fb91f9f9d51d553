# fish completion for creative-s3
function __creative_s3_complete
    set -l program (commandline -po)[1]
    test -x "$program"; and string match -q '*/*' -- $program; or set program creative-s3
    set -l answer (env _CREATIVE_S3_COMPLETE=fish _CREATIVE_S3_LINE=(commandline -cp | string collect) $program 2>/dev/null)
    # The first line says how; one possible word follows on each of the others, with what it means.
    set -l token (commandline -ct)
    set -l option (string match -r -- '^--[^=]+=' $token)
    set -l value (string replace -- "$option" '' $token)
    if set -q answer[2]
        printf '%s\n' $answer[2..-1]
    else if test "$answer[1]" = files
        for path in (__fish_complete_path $value)
            echo "$option$path"
        end
    else if test "$answer[1]" = directories
        for path in (__fish_complete_directories $value)
            echo "$option$path"
        end
    end
end
complete --command creative-s3 --no-files --arguments '(__creative_s3_complete)'
